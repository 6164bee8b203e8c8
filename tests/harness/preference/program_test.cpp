// The verbs themselves, as a user runs them.
#include "tests/harness/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/harness/preference/exported_file.h"
#include "tests/reports/example_images.h"

namespace oar {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class PreferenceProgram : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    json a = example::cell("oar", 0, json::array()), b = example::cell("raster", 0, json::array());
    example::add_samples(a, folder_, 2, 200);
    example::add_samples(b, folder_, 2, 100);
    std::ofstream(folder_ / "results.json") << example::results({a, b});
  }

  using json = nlohmann::json;
};

TEST_F(PreferenceProgram, ReportWritesThePage) {
  const Outcome outcome = run({"report", ".", "--out", "shown", "--preference", "oar", "raster"});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("shown/preference.html: open it in a browser"));
  EXPECT_GT(std::filesystem::file_size(folder_ / "shown" / "preference.html"), 1000u);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "shown" / "report.html"));
}

TEST_F(PreferenceProgram, ReportRefusesAnUnknownRow) {
  const Outcome outcome = run({"report", ".", "--preference", "oar", "rastr"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, EndsWith("no row of the report is called \"rastr\".\n  known: oar, "
                                     "raster\n"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "preference.html"));
}

TEST_F(PreferenceProgram, PreferenceCountsExportedFiles) {
  std::ofstream(folder_ / "v.json") << example::exported("v", "aab-");
  const Outcome text = run({"preference", "v.json"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.text, HasSubstr("A wins 62.5 % of 4 answers, by 1 viewer"));
  const Outcome record = run({"preference", "v.json", "--json"});
  EXPECT_EQ(json::parse(record.text).at("win_rate"), 0.625);
}

TEST_F(PreferenceProgram, PreferenceTellsMistakesByItsExitCode) {
  std::ofstream(folder_ / "v.json") << example::exported("v", "aab-");
  std::ofstream(folder_ / "broken.json") << "{";
  EXPECT_EQ(run({"preference", "v.json", "v.json"}).code, 2);  // one viewer twice
  EXPECT_EQ(run({"preference", "broken.json"}).code, 65);
  EXPECT_EQ(run({"preference", "none.json"}).code, 74);
}

}  // namespace
}  // namespace oar
