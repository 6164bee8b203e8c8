#include "metrics/moments.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <limits>

#include "tests/metrics/feature_sets.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Moments, OfTwoImagesByHand) {
  const Moments moments = moments_of(torch::tensor({{1.0F, 2.0F}, {3.0F, 6.0F}}));
  EXPECT_TRUE(moments.mean.equal(torch::tensor({2, 4}, torch::kFloat64)));
  EXPECT_TRUE(moments.covariance.equal(
      torch::tensor({{2, 4}, {4, 8}}, torch::kFloat64)));  // divided by N - 1 = 1
  EXPECT_EQ(moments.count, 2);
}

TEST(Moments, OfManyBlocksOfRowsAreThoseOfAllRowsAtOnce) {
  const torch::Tensor features = hashed_features(1, 9001, 3);
  const Moments moments = moments_of(features);
  EXPECT_LT((moments.mean - features.mean(0)).abs().max().item<double>(),
            1e-13);  // order of summation
  EXPECT_LT((moments.covariance - features.t().cov()).abs().max().item<double>(), 1e-13);
}

TEST(Moments, OfManyBlocksOfFeaturesAreSymmetric) {  // only the upper blocks are computed
  const torch::Tensor features = hashed_features(1, 50, 600);
  const torch::Tensor covariance = moments_of(features).covariance;
  EXPECT_TRUE(covariance.equal(covariance.t()));
  EXPECT_LT((covariance - features.t().cov()).abs().max().item<double>(), 1e-14);
}

TEST(Moments,
     KeepTheCovarianceOfSmallDifferencesFarFromZero) {  // one-pass formulas lose all digits here
  const torch::Tensor features = torch::arange(4, torch::kFloat64).view({4, 1});
  EXPECT_NEAR(moments_of(features + 1e9).covariance.item<double>(), 5.0 / 3, 1e-6);
}

TEST(Moments, OfAFileThatStartsWithOneClassKeepTheirDigits) {
  // The worst case for the shift, a first block far from all others: N / 1024 = 20 times the error
  // of a sum of 20480 squares, which is some tens of ε.
  torch::Tensor features = hashed_features(1, 20480, 2);
  features.slice(0, 0, 1024) += 1e6;
  const torch::Tensor expected = features.t().cov();
  const torch::Tensor error = (moments_of(features).covariance - expected).abs() / expected;
  EXPECT_LT(error.max().item<double>(), 20 * 1e-14);
}

TEST(Moments, OfOneImageAreRefused) {
  EXPECT_THAT(
      [] {
        moments_of(torch::ones({1, 4}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("needs at least 2 images, got 1")));
}

TEST(MomentsAccumulator, GivesTheSameBitsHoweverTheRowsAreCut) {
  const torch::Tensor features = hashed_normal(3, 3000, 5).to(torch::kFloat32);
  const Moments whole = moments_of(features);
  for (const int64_t cut : {1, 7, 1000, 1024, 2999}) {
    MomentsAccumulator accumulator;
    for (const torch::Tensor& rows : features.split(cut)) accumulator.add(rows);
    EXPECT_EQ(accumulator.count(), 3000);
    const Moments pieces = accumulator.finish();
    EXPECT_TRUE(pieces.mean.equal(whole.mean)) << cut;
    EXPECT_TRUE(pieces.covariance.equal(whole.covariance)) << cut;
  }
}

TEST(MomentsAccumulator, StartsAnewAfterTheEnd) {
  MomentsAccumulator accumulator;
  accumulator.add(torch::ones({3, 2}));
  accumulator.finish();
  EXPECT_EQ(accumulator.count(), 0);
  accumulator.add(torch::tensor({{1.0F}, {3.0F}}));  // of another length
  EXPECT_EQ(accumulator.finish().covariance.item<double>(), 2.0);
}

TEST(MomentsAccumulator, NamesTheRowOfAllThatIsNotANumberAndKeepsWhatItHad) {
  MomentsAccumulator accumulator;
  accumulator.add(torch::tensor({{1.0F}, {3.0F}}));
  EXPECT_THAT(
      [&] {
        accumulator.add(torch::tensor({{0.0F}, {std::numeric_limits<float>::quiet_NaN()}}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("row 3 holds NaN or Inf")));
  EXPECT_EQ(accumulator.finish().count, 2);
}

TEST(MomentsAccumulator, RefusesRowsOfAnotherNetworkAndNoRowsAtAll) {
  MomentsAccumulator accumulator;
  EXPECT_THAT([&] { accumulator.finish(); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("at least 2 images, got 0")));
  accumulator.add(torch::ones({1, 4}));
  EXPECT_THAT(
      [&] {
        accumulator.add(torch::ones({1, 5}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("one side has 4 features per image, the other 5")));
}

}  // namespace
}  // namespace oar
