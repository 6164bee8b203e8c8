#include "harness/compare/compare_verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "datasets/dataset.h"
#include "harness/compare/record_file.h"
#include "harness/exit_code.h"
#include "reports/comparison/gate.h"
#include "tests/reports/comparison/compared_results.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using example::fid_results;
using example::json;
using example::regression_gate;
using example::with_gates;
using ::testing::HasSubstr;

/// Records in a folder of their own.
class CompareVerbs : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar-compare-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path record(const std::string& name, const json& results) const {
    fs::create_directories(folder_ / name);
    std::ofstream(folder_ / name / "results.json") << results;
    return folder_ / name;
  }

  static std::string content(const fs::path& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  fs::path folder_;
  std::ostringstream out_;
};

const json kBase = fid_results({{"oar", {30.0, 31.0, 29.5, 30.2}}});
const json kSame = fid_results({{"oar", {30.2, 31.1, 29.5, 30.4}}});
const json kWorse = fid_results({{"oar", {35.0, 36.1, 34.5, 35.1}}});

TEST_F(CompareVerbs, CompareEndsWithThreeForWorseFourForUndecidedAndNoughtForBetter) {
  const fs::path base = record("base", kBase), worse = record("worse", kWorse);
  EXPECT_EQ(run_compare({base, worse}, out_), kRegression);
  EXPECT_EQ(run_compare({worse, base}, out_), kAllDone);
  EXPECT_EQ(run_compare({base, record("same", kSame)}, out_), kUndecided);
}

TEST_F(CompareVerbs, CompareTakesTolerancesFromTheGatesOfTheNewRecord) {
  const fs::path base = record("base", kBase);
  EXPECT_EQ(
      run_compare({base, record("gated", with_gates(kSame, {regression_gate(0.03, true)}))}, out_),
      kAllDone);
  CompareCommand command{base, record("same", kSame)};
  command.tolerance = {"fid=1.0"};
  EXPECT_EQ(run_compare(command, out_), kAllDone);
  EXPECT_THAT(out_.str(), HasSubstr("no regression beyond tolerance"));
}

TEST_F(CompareVerbs, CompareReadsTheFileItselfToo) {
  CompareCommand command{record("base", kBase) / "results.json", record("worse", kWorse)};
  command.json = true;
  EXPECT_EQ(run_compare(command, out_), kRegression);
  EXPECT_EQ(json::parse(out_.str())["metrics"][0]["verdict"], "worse");
}

TEST_F(CompareVerbs, GateEndsWithTheVerdict) {
  const fs::path base = record("base", kBase);
  const auto code = [&](const json& now) {
    GateCommand command{record("now", with_gates(now, {regression_gate(0.03, true)})), base};
    return run_gate(command, out_);
  };
  EXPECT_EQ(code(kSame), kAllDone);
  EXPECT_EQ(code(kWorse), kRegression);
  EXPECT_EQ(code(fid_results({{"oar", {30.0, 31.0, 29.5, 50.0}}})), kUndecided);
}

TEST_F(CompareVerbs, GateWritesForPipelines) {
  GateCommand command{record("now", with_gates(kWorse, {regression_gate(0.03, true)})),
                      record("base", kBase), folder_ / "gate.xml", folder_ / "gate.md"};
  command.github = true;
  run_gate(command, out_);
  EXPECT_THAT(content(command.junit), HasSubstr("<testsuite "));
  EXPECT_THAT(content(command.markdown), HasSubstr("### Gate: regression"));
  EXPECT_THAT(out_.str(), HasSubstr("\n::error title="));
}

TEST_F(CompareVerbs, GateKeepsARecordAsALaterBaseline) {
  GateCommand keep{record("base", kBase)};
  keep.save_baseline = folder_ / "baseline.json";
  EXPECT_EQ(run_gate(keep, out_), kAllDone);
  EXPECT_EQ(run_gate({record("now", with_gates(kWorse, {regression_gate(0.03, true)})),
                      keep.save_baseline},
                     out_),
            kRegression);
}

// What `.ci/run` compares with: its cells and gates are those of the sweep as it is now.
TEST(CiBaseline, FitsTheSweepOfPipelines) {
  const json sweep = json::parse(std::ifstream(OAR_SOURCE_DIR "/sweeps/ci.json"));
  json baseline = read_record(OAR_SOURCE_DIR "/sweeps/ci_baseline.json");
  EXPECT_EQ(baseline["cells"].size(), sweep["matrix"]["recipe"].size() * sweep["seeds"].size());
  baseline["gates"] = sweep["gates"];
  const GateReport report = check_gates(baseline, &baseline, 0.05);
  EXPECT_EQ(report.verdict(), GateVerdict::kPass);
  EXPECT_EQ(report.checks.size(), sweep["matrix"]["recipe"].size() * sweep["gates"].size());
}

TEST_F(CompareVerbs, WhatIsNoRecordIsNamed) {
  fs::create_directories(folder_ / "bad");
  std::ofstream(folder_ / "bad" / "results.json") << "{\"schema_version\": 1}";
  EXPECT_THROW(run_compare({folder_ / "bad", folder_ / "bad"}, out_), BadData);
  std::ofstream(folder_ / "bad" / "results.json") << "no JSON";
  EXPECT_THROW(run_compare({folder_ / "bad", folder_ / "bad"}, out_), BadData);
  std::ofstream(folder_ / "bad" / "results.json") << std::string(100000, '[');
  EXPECT_THROW(run_compare({folder_ / "bad", folder_ / "bad"}, out_), BadData);
  EXPECT_THROW(run_compare({folder_ / "none", folder_ / "none"}, out_), std::system_error);
}

TEST(ToleranceFromText, IsAShareOrANumberOfTheUnit) {
  EXPECT_EQ(tolerance_from_text("fid=3%").first, "fid");
  EXPECT_DOUBLE_EQ(tolerance_from_text("fid=3%").second.size, 0.03);
  EXPECT_TRUE(tolerance_from_text("fid=3%").second.relative);
  EXPECT_DOUBLE_EQ(tolerance_from_text("kid=0.002").second.size, 0.002);
  for (const char* wrong :
       {"fid", "fid=", "=3%", "fid=x", "fid=-1", "fid=%", "fid=3%%", "fid=inf"}) {
    EXPECT_THROW(tolerance_from_text(wrong), std::invalid_argument) << wrong;
  }
}

}  // namespace
}  // namespace oar
