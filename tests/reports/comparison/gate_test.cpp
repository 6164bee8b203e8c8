#include "reports/comparison/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "tests/reports/comparison/compared_results.h"

namespace oar {
namespace {

using example::fid_results;
using example::json;
using example::regression_gate;
using example::with_gates;
using example::with_keys;
using ::testing::HasSubstr;

/// The one check of a gate on one row, against `base`.
GateCheck only(const json& base, const json& now, const json& gate) {
  const json gated = with_gates(now, {gate});
  const GateReport report = check_gates(gated, &base, 0.05);
  EXPECT_EQ(report.checks.size(), 1U);
  return report.checks.at(0);
}

const json kBase = fid_results({{"oar", {30.0, 31.0, 29.5, 30.5}}});

// FID rises by 0.2 on average, tolerated are 3 % of 30.25.
TEST(Gate, AMeanThatSurelyKeepsToTheLimitPasses) {
  const GateCheck check =
      only(kBase, fid_results({{"oar", {30.2, 31.3, 29.5, 30.8}}}), regression_gate(0.03, true));
  EXPECT_EQ(check.verdict, GateVerdict::kPass);
  EXPECT_EQ(check.limit, "at most 3% worse than the baseline");
  EXPECT_EQ(check.n, 4);
}

TEST(Gate, AMeanThatSurelyDoesNotIsARegression) {
  const json worse = fid_results({{"oar", {33.2, 34.3, 32.5, 33.8}}});
  EXPECT_EQ(only(kBase, worse, regression_gate(0.03, true)).verdict, GateVerdict::kRegression);
  EXPECT_EQ(only(kBase, worse, regression_gate(1.0, false)).verdict, GateVerdict::kRegression);
  EXPECT_EQ(only(kBase, worse, regression_gate(5.0, false)).verdict, GateVerdict::kPass);
}

TEST(Gate, AHigherScoreIsTheBetterWhereTheMetricSaysSo) {
  json base = kBase, now = fid_results({{"oar", {28.0, 29.1, 27.5, 28.4}}});
  for (json* results : {&base, &now}) {
    for (json& cell : (*results)["cells"]) cell["metrics"][0]["higher_is_better"] = true;
  }
  EXPECT_EQ(only(base, now, regression_gate(0.03, true)).verdict, GateVerdict::kRegression);
  EXPECT_EQ(only(now, base, regression_gate(0.03, true)).verdict, GateVerdict::kPass);
}

TEST(Gate, WhatTheSeedsCannotTellCannotBeDecided) {
  const GateCheck noisy =
      only(kBase, fid_results({{"oar", {33.0, 29.0, 31.0, 29.5}}}), regression_gate(0.03, true));
  EXPECT_EQ(noisy.verdict, GateVerdict::kUndecided);
  EXPECT_THAT(noisy.reason, HasSubstr("these 4 seeds could tell the mean from the limit at"));
}

TEST(Gate, OneSeedDecidesNothingUnlessTheComputationIsTheSame) {
  const json one = fid_results({{"oar", {30.0}}});
  const GateCheck check = only(one, one, regression_gate(0.03, true));
  EXPECT_EQ(check.verdict, GateVerdict::kUndecided);
  EXPECT_EQ(check.reason, "1 pair, and a test takes 3");
  EXPECT_EQ(only(with_keys(one), with_keys(one), regression_gate(0.03, true)).verdict,
            GateVerdict::kPass);
}

TEST(Gate, ASeedThatDivergedCannotPass) {
  const GateCheck check =
      only(kBase, fid_results({{"oar", {30.0, 31.0, 29.5, nullptr}}}), regression_gate(0.03, true));
  EXPECT_EQ(check.verdict, GateVerdict::kUndecided);
  EXPECT_EQ(check.reason, "seed 3 diverged");
}

TEST(Gate, ALimitHoldsForEveryRowAndEverySeed) {
  const json gate = {{"metric", "fid"}, {"max", 40}};
  const auto verdict = [&](const json& now) {
    return check_gates(with_gates(now, {gate}), nullptr, 0.05).verdict();
  };
  EXPECT_EQ(verdict(fid_results({{"raster", {30.0, 31.0, 29.5}}})), GateVerdict::kPass);
  EXPECT_EQ(
      verdict(fid_results({{"raster", {30.0, 31.0, 29.5}}, {"oar", {nullptr, nullptr, nullptr}}})),
      GateVerdict::kUndecided);  // every cell of oar diverged
  json without = fid_results({{"raster", {30.0, 31.0, 29.5, 30.5}}});
  without["cells"][3]["metrics"][0]["value"] = nullptr;  // done, but not a number
  EXPECT_EQ(verdict(without), GateVerdict::kUndecided);
}

TEST(Gate, WhatLiesAtTheLimitUpToRoundingKeepsToIt) {
  const json base = fid_results({{"oar", {0.8000000000000003, 0.8000000000000003, 0.8}}});
  const json now = fid_results({{"oar", {0.82, 0.8200000000000003, 0.82}}});
  EXPECT_EQ(only(base, now, regression_gate(0.02, false)).verdict, GateVerdict::kPass);
}

TEST(Gate, NumbersMeasuredInAnotherWayCannotBeDecided) {
  json now = kBase;
  for (json& cell : now["cells"]) cell["metrics"][0]["num_generated"] = 100;
  const GateCheck check = only(kBase, now, regression_gate(0.03, true));
  EXPECT_EQ(check.verdict, GateVerdict::kUndecided);
  EXPECT_EQ(check.reason, "may not be compared: num_generated: 500 against 100");
}

TEST(Gate, AShareOfNumbersOfBothSignsMeansNothing) {
  const json base = fid_results({{"oar", {-1.0, 1.0, 2.0}}});
  const GateCheck check =
      only(base, fid_results({{"oar", {-1.1, 1.1, 2.1}}}), regression_gate(0.03, true));
  EXPECT_EQ(check.verdict, GateVerdict::kUndecided);
  EXPECT_THAT(check.reason, HasSubstr("both signs"));
}

TEST(Gate, CellsOfOneRecordAloneLeaveTheGateOpen) {
  const json now =
      with_gates(fid_results({{"oar", {30.0, 31.0, 29.5}}}), {regression_gate(1, false)});
  const GateReport report = check_gates(now, &kBase, 0.05);
  EXPECT_EQ(report.verdict(), GateVerdict::kUndecided);
  EXPECT_EQ(report.checks.back().reason, "1 in the baseline alone: recipe=oar,seed=3");
}

// ---------------------------------------------------------------- max and min

json limit(const char* which, double bound) { return {{"metric", "fid"}, {which, bound}}; }

// The mean is 30.25 and its standard error 0.323: 95 % of such means lie below 30.25 + 2.353 *
// 0.323.
TEST(Gate, MaxAndMinHoldForTheMeanOverSeeds) {
  const auto verdict = [](const json& gate) { return only(kBase, kBase, gate).verdict; };
  EXPECT_EQ(verdict(limit("max", 31.1)), GateVerdict::kPass);
  EXPECT_EQ(verdict(limit("max", 30.9)), GateVerdict::kUndecided);
  EXPECT_EQ(verdict(limit("max", 30.0)), GateVerdict::kUndecided);
  EXPECT_EQ(verdict(limit("max", 29.4)), GateVerdict::kRegression);
  EXPECT_EQ(verdict(limit("min", 29.4)), GateVerdict::kPass);
  EXPECT_EQ(verdict(limit("min", 31.1)), GateVerdict::kRegression);
}

TEST(Gate, TheIntervalOfALimitIsThatOfTheMean) {
  const GateCheck check = only(kBase, kBase, limit("max", 31.1));
  EXPECT_NEAR(check.interval->low, 30.25 - 2.35336 * 0.322749, 1e-4);
  EXPECT_NEAR(check.interval->high, 30.25 + 2.35336 * 0.322749, 1e-4);
}

TEST(Gate, AMetricThatNoCellHasCannotBeDecided) {
  const GateCheck check = only(kBase, kBase, {{"metric", "kid"}, {"max", 1.0}});
  EXPECT_EQ(check.verdict, GateVerdict::kUndecided);
  EXPECT_EQ(check.reason, "no cell of this record has it");
}

// ---------------------------------------------------------------- the sweep's own baseline

TEST(Gate, WithoutARecordTheSweepsOwnBaselineIsTheMeasure) {
  json results = with_gates(fid_results({{"raster", {30.0, 31.0, 29.5, 30.5}},
                                         {"oar", {33.2, 34.3, 32.5, 33.8}},
                                         {"random", {29.0, 30.1, 28.5, 29.6}}}),
                            {regression_gate(0.03, true)});
  results["baseline"] = {{"recipe", "raster"}};
  const GateReport report = check_gates(results, nullptr, 0.05);
  ASSERT_EQ(report.checks.size(), 2U);
  EXPECT_EQ(report.checks[0].row, "oar");
  EXPECT_EQ(report.checks[0].verdict, GateVerdict::kRegression);
  EXPECT_EQ(report.checks[1].verdict, GateVerdict::kPass);
  EXPECT_EQ(report.base_labels, "recipe=raster");
}

TEST(Gate, ABaselineIsTakenFromTheSameColumnWhereThereIsOne) {
  std::vector<json> cells;
  for (const char* column : {"absolute", "relative"}) {
    for (const char* recipe : {"raster", "oar"}) {
      for (int seed = 0; seed < 3; ++seed) {
        json cell = example::cell(
            recipe, seed, {example::fid(std::string(column) == "absolute" ? 90.0 : 30.0 + seed)});
        cell["labels"]["model.next_encoding"] = column;
        cell["id"] = cell["labels"].dump() + std::to_string(seed);
        cells.push_back(cell);
      }
    }
  }
  json results = with_gates(example::results(cells), {regression_gate(0.5, false)});
  results["baseline"] = {{"recipe", "raster"}};
  EXPECT_EQ(check_gates(results, nullptr, 0.05).verdict(), GateVerdict::kPass);
}

TEST(Gate, SaysWhatIsMissing) {
  EXPECT_THROW(check_gates(kBase, nullptr, 0.05), std::invalid_argument);  // no gates
  const json gated = with_gates(kBase, {regression_gate(0.03, true)});
  try {
    check_gates(gated, nullptr, 0.05);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("names no baseline; name a stored record with --baseline"));
  }
}

// ---------------------------------------------------------------- error rates

// Six rows exactly at the limit: the whole record passes, or one of its rows is a regression, each
// in at most 5 % of the records; 73 of 1,000 would come once in 2,000 times.
TEST(GateErrorRates, AtTheLimitNeitherVerdictComesMoreOftenThanTheLevel) {
  std::mt19937_64 random(12);
  std::normal_distribution<double> normal;
  const auto record = [&](double mean) {
    std::vector<std::pair<std::string, std::vector<json>>> rows;
    for (int row = 0; row < 6; ++row) {
      std::vector<json> values;
      for (int seed = 0; seed < 4; ++seed) values.emplace_back(mean + normal(random));
      rows.emplace_back("row" + std::to_string(row), values);
    }
    return fid_results(rows);
  };
  int passes = 0, regressions = 0;
  for (int i = 0; i < 1000; ++i) {
    const json base = record(30.0);
    const json now = with_gates(record(32.0), {regression_gate(2.0, false)});
    const GateVerdict verdict = check_gates(now, &base, 0.05).verdict();
    passes += verdict == GateVerdict::kPass;
    regressions += verdict == GateVerdict::kRegression;
  }
  EXPECT_LE(passes, 73);
  EXPECT_LE(regressions, 73);
  EXPECT_GE(regressions, 20);
}

}  // namespace
}  // namespace oar
