#include "harness/measure/scores.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "metrics/kid.h"
#include "metrics/metric.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FeatureSet set_of(const torch::Tensor& features) {
  FeatureSet set;
  set.count = features.size(0);
  set.features = features;
  set.logits = features;
  if (set.count > 1) set.moments = moments_of(features);
  return set;
}

FeatureSet gaussian(int64_t images, int64_t dim, double shift = 0) {
  at::manual_seed(5 + images);
  return set_of(at::randn({images, dim}) + shift);
}

const ExtractorIdentity kPublished{
    "inception_v3", std::string(kInception20151205Sha256), {"torch_fidelity", "float32"}};

json score(const FeatureSet& real, const FeatureSet& generated, const std::string& metric,
           ScoreOptions options = {}, const ExtractorIdentity& extractor = kPublished) {
  options.metrics = {metric};
  return compute_scores(real, generated, extractor, options).at(0);
}

std::vector<std::string> warnings(const FeatureSet& real, const FeatureSet& generated,
                                  const ExtractorIdentity& extractor = kPublished) {
  std::vector<std::string> names;
  for (const json& warning : score_warnings(real, generated, extractor)) {
    names.push_back(warning.at("warning"));
  }
  return names;
}

TEST(Scores, OfThePublishedInceptionAreNamedWithoutMoreWords) {
  const FeatureSet set = gaussian(40, 3);
  EXPECT_EQ(score(set, set, "fid").at("name"), "FID");
  ExtractorIdentity other = kPublished;
  other.options.convention = "adm";
  EXPECT_EQ(score(set, set, "fid", {}, other).at("name"), "FID[adm]");
}

TEST(Scores, FidHasAnIntervalAroundItsValue) {  // a shift of 2 along 3 axes costs 12
  const json found = score(gaussian(3000, 3), gaussian(2000, 3, 2.0), "fid");
  EXPECT_NEAR(found.at("value"), 12, 0.5);
  EXPECT_LT(found.at("ci95")[0], found.at("value"));
  EXPECT_GT(found.at("ci95")[1], found.at("value"));
  EXPECT_EQ(found.at("fid_subsets"), 10);
  EXPECT_EQ(found.at("fid_subset_size"), 200);
}

TEST(Scores, FidWithoutSubsetsIsTheSameNumber) {
  const FeatureSet real = gaussian(300, 3), generated = gaussian(200, 3, 2.0);
  ScoreOptions none;
  none.fid_subsets = 0;
  const json plain = score(real, generated, "fid", none);
  EXPECT_TRUE(plain.at("ci95").is_null());
  EXPECT_NEAR(plain.at("value"), score(real, generated, "fid").at("value"), 1e-9);
}

TEST(Scores, KidIsThatOfTheOptions) {
  const FeatureSet real = gaussian(50, 4), generated = gaussian(60, 4, 1.0);
  ScoreOptions options;
  options.kid_subsets = 3;
  options.kid_subset_size = 20;
  const json found = score(real, generated, "kid", options);
  EXPECT_EQ(found.at("value"), kid(*real.features, *generated.features, 3, 20).mean);
  EXPECT_EQ(found.at("kid_subset_size"), 20);
}

TEST(Scores, TheInceptionScoreOfAdmIsCutInFileOrder) {
  ExtractorIdentity adm = kPublished;
  adm.options.convention = "adm";
  const FeatureSet set = gaussian(40, 5);
  const json found = score(set, set, "isc", {}, adm);
  EXPECT_EQ(found.at("isc_split_size"), 5000);
  EXPECT_FALSE(found.contains("isc_splits"));
  EXPECT_FALSE(found.contains("num_reference"));
}

TEST(Scores, WhatCannotBeComputedHasAReasonInPlaceOfANumber) {
  const FeatureSet set = gaussian(40, 3), one = gaussian(1, 3);
  FeatureSet statistics;
  statistics.moments = set.moments;
  const auto reason = [](const json& found) {
    EXPECT_TRUE(found.at("value").is_null());
    return found.at("reason").get<std::string>();
  };
  EXPECT_THAT(reason(score(statistics, set, "kid")), HasSubstr("real side has no features"));
  EXPECT_THAT(reason(score(set, set, "sfid")), HasSubstr("no spatial features"));
  EXPECT_THAT(reason(score(set, one, "fid")), HasSubstr("one generated image has no covariance"));
  EXPECT_THAT(reason(score(set, set, "kid")), HasSubstr("kid_subset_size = 1000"));
  EXPECT_THAT(reason(score(set, gaussian(15, 3), "fid_infinity")), HasSubstr("too few"));
  FeatureSet broken = set;
  broken.features = torch::full({40, 3}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(reason(score(set, broken, "precision")), HasSubstr("NaN"));
}

TEST(Scores, EveryMetricOfTheTableIsComputedOrExplained) {
  FeatureSet real = gaussian(64, 3), generated = gaussian(64, 3, 0.5);
  real.spatial = real.moments;
  generated.spatial = generated.moments;
  ScoreOptions options;
  options.kid_subset_size = 32;
  for (const MetricInfo& metric : list_metrics()) options.metrics.emplace_back(metric.name);
  for (const json& found : compute_scores(real, generated, kPublished, options)) {
    EXPECT_TRUE(found.at("value").is_number()) << found;
    EXPECT_EQ(found.at("higher_is_better"),
              find_metric(found.at("metric").get<std::string>()).higher_is_better);
  }
}

TEST(ScoreWarnings, CountImagesAgainstTheDimension) {
  EXPECT_THAT(warnings(gaussian(100, 3), gaussian(100, 3)), IsEmpty());
  EXPECT_THAT(warnings(gaussian(100, 30), gaussian(100, 30)),
              Contains("few_images_for_the_dimension").Times(2));
  EXPECT_THAT(warnings(gaussian(100, 3), gaussian(3, 3)), Contains("fewer_images_than_features"));
  EXPECT_THAT(warnings(gaussian(100, 3), gaussian(90, 3)), Contains("unequal_numbers_of_images"));
}

TEST(ScoreWarnings, NameWeightsThatNobodyPublishedAndStatisticsWithoutACount) {
  ExtractorIdentity other = kPublished;
  other.weights_sha256 = std::string(64, '0');
  const FeatureSet set = gaussian(100, 3);
  EXPECT_THAT(warnings(set, set, other), Contains("unpublished_weights"));
  FeatureSet statistics;
  statistics.moments = set.moments;
  EXPECT_THAT(warnings(statistics, set), Contains("unknown_number_of_images"));
}

}  // namespace
}  // namespace oar
