#include "reports/comparison/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "reports/comparison/formats.h"
#include "reports/comparison/statistics.h"
#include "tests/reports/comparison/compared_results.h"

namespace oar {
namespace {

using example::fid_results;
using example::json;
using example::with_keys;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ComparedMetric only(const json& base, const json& now, const CompareOptions& options = {}) {
  const Comparison comparison = compare_results(base, now, options);
  EXPECT_EQ(comparison.metrics.size(), 1U);
  return comparison.metrics.at(0);
}

// FID is better where it is smaller; p of scipy.stats.ttest_rel, one test alone.
TEST(Compare, AFidThatFallsByTenForEverySeedIsBetter) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5, 30.5}}});
  const json now = fid_results({{"oar", {20.1, 20.9, 19.6, 20.2}}});
  const ComparedMetric compared = only(base, now);
  EXPECT_EQ(compared.verdict, Verdict::kBetter);
  EXPECT_NEAR(*compared.p_holm, 1.9061094870e-06, 1e-14);
  EXPECT_EQ(only(now, base).verdict, Verdict::kWorse);
}

TEST(Compare, NoiseCannotBeDecidedAndSaysWhatCouldHaveBeenSeen) {
  const ComparedMetric compared =
      only(fid_results({{"oar", {30.0, 31.0, 29.5}}}), fid_results({{"oar", {30.4, 30.2, 30.1}}}));
  EXPECT_EQ(compared.verdict, Verdict::kUndecided);
  // 3.264 standard deviations of 0.4, -0.8, 0.6: sqrt(0.57333) = 0.7572
  EXPECT_NEAR(*compared.smallest_change, 3.264 * 0.75719, 0.01);
  EXPECT_EQ(compared.reason, "these 3 pairs could show a change of 2.5");
}

TEST(Compare, TwoSeedsDecideNothingHoweverFarApart) {
  const ComparedMetric compared =
      only(fid_results({{"oar", {30.0, 31.0}}}), fid_results({{"oar", {90.0, 91.1}}}));
  EXPECT_EQ(compared.verdict, Verdict::kUndecided);
  EXPECT_EQ(compared.reason, "2 pairs, and a test takes 3");
}

TEST(Compare, TheSameComputationIsEqualByConstructionEvenForOneSeed) {
  const json results = with_keys(fid_results({{"oar", {30.0}}}));
  const ComparedMetric compared = only(results, results);
  EXPECT_EQ(compared.verdict, Verdict::kEqual);
  EXPECT_EQ(compared.reason, "the same computation");
  EXPECT_FALSE(compared.p.has_value());
}

TEST(Compare, TheSameComputationWithAnotherOutcomeIsTested) {
  const ComparedMetric compared = only(with_keys(fid_results({{"oar", {30.0, 31.0, 32.0}}})),
                                       with_keys(fid_results({{"oar", {30.1, 31.2, 32.1}}})));
  EXPECT_TRUE(compared.p.has_value());
}

TEST(Compare, DifferencesOfRoundingAreNone) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5}}});
  const json now = fid_results({{"oar", {30.0 + 1e-12, 31.0 + 1e-12, 29.5 + 1e-12}}});
  EXPECT_EQ(only(base, now).verdict, Verdict::kEqual);
}

// Three percent of 30 is 0.9, and the mean has risen by 0.2 with a standard error of 0.06.
TEST(Compare, AChangeWithinTheToleranceIsNoRegressionBeyondIt) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5, 30.2}}});
  const json now = fid_results({{"oar", {30.2, 31.3, 29.5, 30.5}}});
  CompareOptions options;
  options.tolerances["fid"] = {0.03, true};
  EXPECT_EQ(only(base, now, options).verdict, Verdict::kWithinTolerance);
  options.tolerances["fid"] = {0.1, false};
  EXPECT_EQ(only(base, now, options).verdict, Verdict::kUndecided);
}

TEST(Compare, AToleranceExplainsAChangeThatIsCertainButSmall) {
  CompareOptions options;
  options.tolerances["fid"] = {1.0, false};
  const ComparedMetric compared = only(fid_results({{"oar", {30.0, 31.0, 29.5, 30.2}}}),
                                       fid_results({{"oar", {30.2, 31.21, 29.7, 30.41}}}), options);
  EXPECT_EQ(compared.verdict, Verdict::kWithinTolerance);
  EXPECT_EQ(compared.reason, "worse, but by less than the tolerance");
}

TEST(Compare, ASeedThatDivergedLeavesNoGoodVerdict) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5, 30.5}}});
  const json now = fid_results({{"oar", {20.1, 20.9, 19.6, nullptr}}});
  const ComparedMetric compared = only(base, now);
  EXPECT_EQ(compared.verdict, Verdict::kUndecided);
  EXPECT_THAT(compared.reason, HasSubstr("seed 3 diverged"));
}

// A metric with no better direction: neither verdict of the other two.
TEST(Compare, DistancesAreDifferentAndNeitherBetterNorWorse) {
  const auto distances = [](std::vector<double> values) {
    std::vector<json> cells;
    for (size_t i = 0; i < values.size(); ++i) {
      cells.push_back(example::cell("oar", static_cast<int>(i), {example::distance(values[i])}));
    }
    return example::results(cells);
  };
  const Comparison comparison =
      compare_results(distances({5.7, 5.8, 5.9}), distances({4.3, 4.4, 4.51}), {});
  EXPECT_EQ(comparison.metrics.at(0).verdict, Verdict::kDifferent);
  EXPECT_FALSE(comparison.any_worse());
  CompareOptions options;
  options.tolerances["mean_inter_patch_distance"] = {0.1, false};
  EXPECT_THROW(compare_results(distances({5.7}), distances({4.3}), options), std::invalid_argument);
}

// Four rows of one certain change and three of none: Holm multiplies its p by four.
TEST(Compare, PValuesAreCorrectedOverAllRows) {
  const json base = fid_results({{"raster", {30.0, 31.0, 29.5, 30.5}},
                                 {"random", {30.0, 31.0, 29.5, 30.5}},
                                 {"oar", {30.0, 31.0, 29.5, 30.5}},
                                 {"oar_finetuned", {30.0, 31.0, 29.5, 30.5}}});
  json now = base;
  const std::vector<double> moved = {0.1, -0.2, 0.05, 0.1};
  for (size_t i = 0; i < now["cells"].size(); ++i) {
    double& value = now["cells"][i]["metrics"][0]["value"].get_ref<double&>();
    value += i < 4 ? 1.0 + 0.1 * moved[i] : moved[i % 4];
  }
  const Comparison comparison = compare_results(base, now, {});
  EXPECT_EQ(comparison.tests, 4);
  EXPECT_NEAR(*comparison.metrics[0].p_holm, 4 * *comparison.metrics[0].p, 1e-15);
  EXPECT_EQ(comparison.metrics[0].verdict, Verdict::kWorse);
  EXPECT_THAT(comparison_text(comparison), HasSubstr("Holm"));
}

// ---------------------------------------------------------------- what may not be compared

struct Difference {
  const char* key;
  json value;
  const char* named;
};

class CompareRefuses : public ::testing::TestWithParam<Difference> {};

TEST_P(CompareRefuses, NumbersMeasuredInAnotherWay) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5}}});
  json now = base;
  for (json& cell : now["cells"]) cell["metrics"][0][GetParam().key] = GetParam().value;
  const Comparison comparison = compare_results(base, now, {});
  EXPECT_EQ(comparison.metrics.at(0).verdict, Verdict::kRefused);
  EXPECT_THAT(comparison.metrics.at(0).numbers.refusals, ElementsAre(GetParam().named));
  EXPECT_TRUE(comparison.any_undecided());
  EXPECT_EQ(comparison.tests, 0);
}

INSTANTIATE_TEST_SUITE_P(
    EverySetting, CompareRefuses,
    ::testing::Values(
        Difference{"extractor", "inception_v3",
                   "extractor: efficientnet_lite0 against inception_v3"},
        Difference{"weights_sha256", std::string(64, 'b'),
                   "weights_sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… "
                   "against bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…"},
        Difference{"num_generated", 1000, "num_generated: 500 against 1000"},
        Difference{"num_reference", 901, "num_reference: 900 against 901"},
        Difference{"reference", "held_out", "reference: train against held_out"},
        Difference{"convention", "adm", "convention: torch_fidelity against adm"},
        Difference{"version", 2, "version: 1 against 2"},
        Difference{"unit", "nats", "unit: none against nats"},
        Difference{"precision", "bfloat16", "precision: none against bfloat16"},
        Difference{"peeks", true, "peeks: none against true"},
        Difference{"higher_is_better", true, "which way is better"}),
    [](const auto& info) { return std::string(info.param.key); });

TEST(CompareRefusesToo, AnotherNameOfTheSameMetricIsNoOtherMetric) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5}}});
  json now = base;
  for (json& cell : now["cells"]) {
    cell["metrics"][0]["extractor"] = "inception_v3";
    cell["metrics"][0]["name"] = "FID[inception_v3]";
  }
  EXPECT_EQ(only(base, now).verdict, Verdict::kRefused);
}

TEST(CompareRefusesToo, AnotherDataSetItsSizeAndItsContent) {
  const json base = fid_results({{"oar", {30.0, 31.0, 29.5}}});
  json now = base;
  now["cells"][1]["recipe"]["dataset"]["image_size"] = 32;  // one seed is enough
  EXPECT_THAT(only(base, now).numbers.refusals, ElementsAre("dataset.image_size: 64 against 32"));
  json first = base, second = base;
  first["cells"][0]["stages"].push_back(example::stage("dataset", "k", 1, {{"sha256", "aa"}}));
  second["cells"][0]["stages"].push_back(example::stage("dataset", "k", 1, {{"sha256", "bb"}}));
  EXPECT_THAT(only(first, second).numbers.refusals, ElementsAre("dataset.sha256: aa against bb"));
}

TEST(CompareRefusesToo, LikelihoodsOfTheCodesOfAnotherTokenizer) {
  const auto results = [](const char* preset) {
    json nats = example::metric("nats_per_image_raster", "held-out nats", 100.0, false);
    json cell = example::cell("oar", 0, json::array({nats}));
    cell["recipe"]["tokenizer"] = {{"preset", preset}};
    return example::results({cell});
  };
  EXPECT_THAT(only(results("tiny"), results("nano")).numbers.refusals,
              ElementsAre("tokenizer.preset: tiny against nano"));
}

// ---------------------------------------------------------------- which cells and numbers pair

TEST(Compare, CellsOfOneRecordAloneAreListed) {
  const Comparison comparison =
      compare_results(fid_results({{"oar", {30.0, 31.0}}, {"raster", {30.0}}}),
                      fid_results({{"oar", {30.0}}, {"random", {30.0}}}), {});
  EXPECT_THAT(comparison.only_in_base, ElementsAre("recipe=oar,seed=1", "recipe=raster,seed=0"));
  EXPECT_THAT(comparison.only_in_now, ElementsAre("recipe=random,seed=0"));
}

TEST(Compare, RowsThatShareATokenizerAreOneComparison) {
  json base = fid_results({{"oar", {30.0}}, {"random", {31.0}}});
  for (json& cell : base["cells"]) {
    cell["metrics"] = json::array({example::metric("tokenizer_psnr", "PSNR", 20.0, true)});
    cell["stages"].push_back(example::stage("tokenizer", std::string(64, 'c'), 1));
  }
  const ComparedMetric compared = only(base, base);
  EXPECT_THAT(compared.numbers.rows, ElementsAre("oar", "random"));
  EXPECT_EQ(compared.numbers.pairs.size(), 1U);
}

TEST(Compare, SeedsThatShareATokenizerAreOnePair) {
  json base = fid_results({{"oar", {30.0, 31.0, 32.0}}});
  for (json& cell : base["cells"]) {
    cell["metrics"] = json::array({example::metric("tokenizer_psnr", "PSNR", 20.0, true)});
    cell["stages"].push_back(example::stage("tokenizer", std::string(64, 'c'), 1));
  }
  json now = base;
  for (json& cell : now["cells"]) cell["metrics"][0]["value"] = 19.0;
  EXPECT_EQ(only(base, now).numbers.pairs.size(), 1U);
  EXPECT_EQ(only(base, now).verdict, Verdict::kUndecided);
}

TEST(Compare, AnUnknownMetricIsAskedForByName) {
  const json results = fid_results({{"oar", {30.0}}});
  CompareOptions options;
  options.metric = "fidd";
  try {
    compare_results(results, results, options);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "--metric: the records have no metric \"fidd\"\n  known: fid");
  }
}

TEST(Compare, RecordsWithNothingInCommonAreUndecided) {
  const Comparison comparison =
      compare_results(fid_results({{"oar", {30.0}}}), fid_results({{"raster", {30.0}}}), {});
  EXPECT_TRUE(comparison.any_undecided());
  EXPECT_THAT(comparison_text(comparison), HasSubstr("share no number"));
}

// ---------------------------------------------------------------- error rates, by simulation

/// `rows` recipes with `seeds` seeds: a common part of each seed, noise of its own, and `shift`.
json simulated(std::mt19937_64& random, int rows, int seeds, double noise, double shift,
               const std::vector<double>& of_seed) {
  std::normal_distribution<double> normal;
  std::vector<std::pair<std::string, std::vector<json>>> fids;
  for (int row = 0; row < rows; ++row) {
    std::vector<json> values;
    for (int seed = 0; seed < seeds; ++seed) {
      values.emplace_back(30.0 + of_seed[static_cast<size_t>(seed)] + noise * normal(random) +
                          shift);
    }
    fids.emplace_back("row" + std::to_string(row), values);
  }
  return fid_results(fids);
}

std::vector<double> seeds_of(std::mt19937_64& random, int seeds) {
  std::normal_distribution<double> normal;
  std::vector<double> of_seed;
  for (int i = 0; i < seeds; ++i) of_seed.push_back(5.0 * normal(random));
  return of_seed;
}

// Family-wise: any of the six rows. Of 1,000 comparisons at 5 % more than 50 + 3.3 * sqrt(1000 *
// 0.05 * 0.95) = 73 false alarms would come once in 2,000 times; the seed is fixed all the same.
TEST(CompareErrorRates, UnderNoChangeTheFalseAlarmsOfAThousandComparisonsStayAtTheLevel) {
  std::mt19937_64 random(7);
  int alarms = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<double> of_seed = seeds_of(random, 4);
    const Comparison comparison = compare_results(simulated(random, 6, 4, 1.0, 0.0, of_seed),
                                                  simulated(random, 6, 4, 1.0, 0.0, of_seed), {});
    alarms += std::any_of(comparison.metrics.begin(), comparison.metrics.end(), [](const auto& m) {
      return m.verdict == Verdict::kBetter || m.verdict == Verdict::kWorse;
    });
  }
  EXPECT_LE(alarms, 73);
  EXPECT_GE(alarms, 20) << "the tests have lost their power";
}

// A single test of five pairs: the effect that the power function states for 80 % at 5 % is found
// in 800 +- 3.3 * sqrt(1000 * 0.8 * 0.2) = 800 +- 42 of 1,000. Differences have sqrt(2) of the
// noise.
TEST(CompareErrorRates, AChangeOfTheStatedSizeIsFoundWithTheStatedPower) {
  std::mt19937_64 random(8);
  const double shift = smallest_effect(5, 0.05, kPower) * std::sqrt(2.0);
  int found = 0;
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<double> of_seed = seeds_of(random, 5);
    const Comparison comparison = compare_results(simulated(random, 1, 5, 1.0, 0.0, of_seed),
                                                  simulated(random, 1, 5, 1.0, shift, of_seed), {});
    found += comparison.metrics.at(0).verdict == Verdict::kWorse;
    wrong += comparison.metrics.at(0).verdict == Verdict::kBetter;
  }
  EXPECT_NEAR(found, 800, 42);
  EXPECT_EQ(wrong, 0);
}

// Where the truth lies exactly at the tolerance, "no regression beyond it" is the false claim: 5 %.
TEST(CompareErrorRates, NoRegressionIsClaimedAtTheEdgeOfTheToleranceNoMoreThanTheLevelAllows) {
  std::mt19937_64 random(9);
  CompareOptions options;
  options.tolerances["fid"] = {3.0, false};
  int claims = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<double> of_seed = seeds_of(random, 4);
    const Comparison comparison =
        compare_results(simulated(random, 1, 4, 1.0, 0.0, of_seed),
                        simulated(random, 1, 4, 1.0, 3.0, of_seed), options);
    claims += comparison.metrics.at(0).verdict == Verdict::kWithinTolerance;
  }
  EXPECT_LE(claims, 73);
  EXPECT_GE(claims, 27);
}

/// Share of false alarms of 20,000 uncorrected tests at 5 %, where `noise` is that of one number:
/// 0.05 +- 0.005 is three standard errors.
template <typename Noise>
double false_alarms(int pairs, const Noise& noise) {
  int found = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<double> differences;
    for (int k = 0; k < pairs; ++k) differences.push_back(noise() - noise());
    found += paired_t_test(differences).two_sided() < 0.05;
  }
  return found / 20000.0;
}

// Without a change both numbers of a pair are drawn alike, so that their difference is symmetric
// whatever the noise is. numpy and scipy give 0.052, 0.026 and 0.035 for these three.
TEST(CompareErrorRates, NoiseNeedNotBeNormal) {
  std::mt19937_64 random(10);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  std::lognormal_distribution<double> lognormal(0.0, 1.0);
  std::student_t_distribution<double> heavy(2.0);
  EXPECT_LT(false_alarms(3, [&] { return uniform(random); }), 0.057);
  EXPECT_LT(false_alarms(3, [&] { return lognormal(random); }), 0.057);
  EXPECT_LT(false_alarms(3, [&] { return heavy(random); }), 0.057);
}

// Training that ends in one of two ways: numpy and scipy give 0.123 for two pairs, 0.037 for three.
TEST(CompareErrorRates, TwoPairsAreTooFewWhereTrainingEndsInOneOfTwoWays) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal(0.0, 0.3);
  std::bernoulli_distribution way(0.5);
  const auto noise = [&] { return (way(random) ? 3.0 : -3.0) + normal(random); };
  EXPECT_GT(false_alarms(static_cast<int>(kFewestPairs) - 1, noise), 0.10);
  EXPECT_LT(false_alarms(static_cast<int>(kFewestPairs), noise), 0.057);
}

}  // namespace
}  // namespace oar
