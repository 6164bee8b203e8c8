#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "harness/doctor/finding.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

TEST(Findings, AreALineEachAndOneForTheAdvice) {
  EXPECT_EQ(findings_text({{Finding::Level::kOk, "threads", "2"},
                           {Finding::Level::kWarning, "pictures", "none", "set OAR_PYTHON"},
                           {Finding::Level::kProblem, "store", "\x1b[2J", "make it writable"}}),
            "ok       threads                    2\n"
            "warning  pictures                   none\n"
            "                                    set OAR_PYTHON\n"
            "problem  store                      \\x1b[2J\n"
            "                                    make it writable\n");
}

class DoctorVerb : public ProgramTest {};

TEST_F(DoctorVerb, LooksAtEverythingARunDependsOn) {
  const Outcome outcome = run({"doctor", "--store", "store", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  const json findings = json::parse(outcome.text);
  std::set<std::string> what;
  for (const json& finding : findings) {
    what.insert(finding.at("what"));
    EXPECT_NE(finding.at("level"), "problem") << finding;
  }
  EXPECT_THAT(what, IsSupersetOf({"program", "system", "libraries", "processor", "threads",
                                  "waiting", "instruction sets", "fast paths", "memory",
                                  "weights efficientnet_lite0", "weights inception_v3", "pictures",
                                  "store", "store is writable", "store locks", "space"}));
  EXPECT_THAT(findings.dump(), HasSubstr("SHA-256 579344248a93"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "store"));
}

TEST_F(DoctorVerb, EndsWith1WhereARunWouldBeStopped) {
  const Outcome outcome = run({"doctor", "--store", "/proc/self/store"});
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("problem  store is writable"));
  EXPECT_THAT(outcome.text, HasSubstr("\nproblems: "));
}

}  // namespace
}  // namespace oar
