#include "harness/sweep/gates.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

using testing::HasSubstr;

/// A sweep of one recipe with these gates on line 2.
std::string gated(const std::string& gates, const std::string& baseline = R"({"recipe": "a"})") {
  return fmt::format(R"({{"version": 1, "recipes": {{"a": {{}}}}, "baseline": {}, "gates":
{}}})",
                     baseline, gates);
}

Gate gate_of(const std::string& gate) { return sweep_of(gated("[" + gate + "]")).gates.at(0); }

TEST(Gates, ALimitIsAValueOfTheMetric) {
  const Gate gate = gate_of(R"({"metric": "fid", "max": 12.5, "min": 0, "x-why": "a note"})");
  EXPECT_EQ(gate.metric, "fid");
  EXPECT_EQ(gate.max, 12.5);
  EXPECT_EQ(gate.min, 0.0);
  EXPECT_EQ(gate.max_regression, std::nullopt);
}

TEST(Gates, ARegressionIsAShareOfTheBaselineOrANumberOfTheMetricsUnit) {
  const Gate share = gate_of(R"({"metric": "fid", "max_regression": "2.5%"})");
  EXPECT_EQ(share.max_regression, 0.025);
  EXPECT_TRUE(share.relative);
  const Gate number = gate_of(R"({"metric": "fid", "max_regression": 0.5})");
  EXPECT_EQ(number.max_regression, 0.5);
  EXPECT_FALSE(number.relative);
  EXPECT_EQ(gate_of(R"({"metric": "kid", "max_regression": 0})").max_regression, 0.0);
}

TEST(Gates, AnythingElseIsNoRegression) {
  for (const char* value : {"-1", "\"3\"", "\"-3%\"", "\"%\"", "\"3 %\"", "\"3%%\"", "\"nan%\"",
                            "\"1e999%\"", "true", "null", "[]"}) {
    EXPECT_THAT(
        mistakes_of(gated(fmt::format(R"([{{"metric": "fid", "max_regression": {}}}])", value))),
        HasSubstr(fmt::format("s.json:2: /gates/0/max_regression: max_regression cannot be "
                              "{}.\n  accepted: a share of the baseline's value, \"3%\"; "
                              "or a number",
                              value)));
  }
}

TEST(Gates, ARegressionNeedsABaseline) {
  EXPECT_EQ(mistakes_of(R"({"version": 1,
      "gates": [{"metric": "fid", "max_regression": "3%"}]})"),
            "s.json:2: /gates/0/max_regression: a regression needs a baseline, and the sweep names "
            "none.\n"
            "  add \"baseline\": {\"recipe\": ...} at the top, or use max or min");
}

TEST(Gates, AMetricWithoutBetterDirectionCannotRegress) {
  EXPECT_EQ(mistakes_of(gated(R"([{"metric": "mean_inter_patch_distance", "max_regression": 1}])")),
            "s.json:2: /gates/0/max_regression: mean_inter_patch_distance has no better direction, "
            "so it cannot regress.\n  use max or min");
}

TEST(Gates, AMetricIsKnown) {
  EXPECT_EQ(mistakes_of(gated(R"([{"metric": "fdi", "max": 1}])")),
            "s.json:2: /gates/0/metric: no metric is called \"fdi\".\n"
            "  known: fid, kid, mean_inter_patch_distance\n  did you mean \"fid\"?");
  EXPECT_THAT(mistakes_of(gated(R"([{"metric": 3, "max": 1}])")),
              HasSubstr("/gates/0/metric: no metric is called 3.\n  known: fid"));
  EXPECT_EQ(mistakes_of(gated(R"([{"max": 1}])")),
            "s.json:2: /gates/0: this gate names no metric.\n"
            "  known: fid, kid, mean_inter_patch_distance");
}

TEST(Gates, AMetricHasOneGate) {
  EXPECT_EQ(mistakes_of(gated(R"([{"metric": "fid", "max": 1}, {"metric": "fid", "min": 0}])")),
            "s.json:2: /gates/1/metric: there are two gates for fid.\n"
            "  write one, with all of its limits");
}

TEST(Gates, AGateHasALimitThatSomeValuePasses) {
  EXPECT_EQ(mistakes_of(gated(R"([{"metric": "fid"}])")),
            "s.json:2: /gates/0: this gate sets no limit.\n"
            "  add one or more of max_regression (\"3%\"), max, min");
  EXPECT_EQ(mistakes_of(gated(R"([{"metric": "fid", "max": 1, "min": 2}])")),
            "s.json:2: /gates/0/min: min 2 is above max 1: no value passes.\n"
            "  swap them, or leave one out");
  EXPECT_THAT(mistakes_of(gated(R"([{"metric": "fid", "max": "5%"}])")),
              HasSubstr("/gates/0/max: max cannot be \"5%\".\n  accepted: a number of the metric"));
}

TEST(Gates, KeysAndTypesAreChecked) {
  EXPECT_THAT(mistakes_of(gated(R"([{"metric": "fid", "maximum": 1, "min": 0}])")),
              HasSubstr("/gates/0/maximum: no key is called \"maximum\" here.\n"
                        "  known: metric, max_regression, max, min"));
  EXPECT_THAT(mistakes_of(gated(R"({"fid": 3})")),
              HasSubstr("/gates: gates cannot be {\"fid\":3}"));
  EXPECT_THAT(mistakes_of(gated("[\"fid\"]")), HasSubstr("/gates/0: a gate cannot be \"fid\""));
}

}  // namespace
}  // namespace oar
