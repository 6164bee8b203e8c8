#include "metrics/fid.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/metrics/hashed_data.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor vector(std::vector<double> values) { return torch::tensor(values, torch::kFloat64); }

Moments gaussian(const std::vector<double>& mean, torch::Tensor covariance) {
  return {vector(mean), std::move(covariance), 1000};
}

Moments gaussian(const std::vector<double>& mean) {
  return gaussian(mean, torch::eye(static_cast<int64_t>(mean.size()), torch::kFloat64));
}

torch::Tensor matrix_2x2(double a, double b, double c, double d) {
  return vector({a, b, c, d}).view({2, 2});
}

torch::Tensor hashed_features(int64_t stream, int64_t images, int64_t dim) {
  return hashed_uniform(stream, images * dim).view({images, dim});
}

TEST(Moments, OfTwoImagesByHand) {
  const Moments moments = moments_of(torch::tensor({{1.0F, 2.0F}, {3.0F, 6.0F}}));
  EXPECT_TRUE(moments.mean.equal(vector({2, 4})));
  EXPECT_TRUE(moments.covariance.equal(matrix_2x2(2, 4, 4, 8)));  // divided by N - 1 = 1
  EXPECT_EQ(moments.count, 2);
}

TEST(Moments, OfManyBlocksOfRowsAreThoseOfAllRowsAtOnce) {
  const torch::Tensor features = hashed_features(1, 9001, 3);
  const Moments moments = moments_of(features);
  EXPECT_LT((moments.mean - features.mean(0)).abs().max().item<double>(),
            1e-13);  // order of summation
  EXPECT_LT((moments.covariance - features.t().cov()).abs().max().item<double>(), 1e-13);
}

TEST(Moments,
     KeepTheCovarianceOfSmallDifferencesFarFromZero) {  // one-pass formulas lose all digits here
  const torch::Tensor features = vector({0, 1, 2, 3}).view({4, 1});
  EXPECT_NEAR(moments_of(features + 1e9).covariance.item<double>(), 5.0 / 3, 1e-6);
}

TEST(Moments, OfOneImageAreRefused) {
  EXPECT_THAT(
      [] {
        moments_of(torch::ones({1, 4}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("needs at least 2 images, got 1")));
}

TEST(Fid,
     AShiftOfThreeAlongOneAxisCostsNine) {  // equal covariances cancel: only |mu1 - mu2|^2 is left
  EXPECT_NEAR(fid(gaussian({0, 0}), gaussian({3, 0})), 9.0, 1e-9);  // double precision, closed form
}

TEST(Fid, EqualGaussiansCostNothing) {
  const Moments moments = gaussian({1, -2}, matrix_2x2(2, 1, 1, 2));
  EXPECT_NEAR(fid(moments, moments), 0.0, 1e-12);
}

TEST(Fid, RoundGaussiansCostTheSquaredDifferenceOfDeviationsPerAxis) {
  const torch::Tensor eye = torch::eye(8, torch::kFloat64);
  const std::vector<double> origin(8, 0.0);
  EXPECT_NEAR(fid(gaussian(origin, eye * 4), gaussian(origin, eye * 25)), 8 * (2 - 5) * (2 - 5),
              1e-9);
}

TEST(Fid, CovariancesThatDoNotCommuteFollowTheClosedFormOfTwoAxes) {
  // tr √M = √(tr M + 2 √det M) for 2 x 2; A B = [[6, 1], [3, 2]] is not symmetric: trace 8,
  // determinant 9.
  const double expected = 4 + 4 - 2 * std::sqrt(8 + 2 * 3);
  const Moments a = gaussian({0, 0}, matrix_2x2(2, 1, 1, 2)),
                b = gaussian({0, 0}, matrix_2x2(3, 0, 0, 1));
  EXPECT_NEAR(fid(a, b), expected, 1e-12);
  EXPECT_NEAR(fid(b, a), expected, 1e-12);
}

TEST(Fid,
     SingularCovariancesNeedNoEpsilon) {  // two lines at a right angle share nothing: 1 + 1 - 0
  EXPECT_NEAR(
      fid(gaussian({0, 0}, matrix_2x2(1, 0, 0, 0)), gaussian({0, 0}, matrix_2x2(0, 0, 0, 1))), 2.0,
      1e-7);  // the square root of a rounding of 1e-16 is 1e-8
}

TEST(Fid,
     ASingleRepeatedImageIsADistributionOfNoSpread) {  // distance to N(0, 1): mean 2 -> 4, spread 1
  const torch::Tensor point = torch::full({5, 1}, 2.0);
  EXPECT_NEAR(fid(moments_of(point), gaussian({0})), 5.0, 1e-12);
}

TEST(Fid, OfFewImagesIsTheSameFromFeaturesAndFromMoments) {
  const torch::Tensor a = hashed_features(1, 20, 50), b = hashed_features(2, 30, 50) * 2;
  EXPECT_NEAR(fid(a, b), fid(moments_of(a), moments_of(b)),
              1e-6);  // 50 zero eigenvalues, 1e-8 each
}

TEST(Fid, OfManyImagesIsTheSameFromFeaturesAndFromMoments) {
  const torch::Tensor a = hashed_features(1, 300, 5), b = hashed_features(2, 400, 5) * 2;
  EXPECT_NEAR(fid(a, b), fid(moments_of(a), moments_of(b)), 1e-12);
}

TEST(Fid, OfASetWithItselfIsNothingThoughTheImagesAreFew) {
  const torch::Tensor a = hashed_features(1, 20, 50);
  EXPECT_NEAR(fid(a, a), 0.0, 1e-12);  // singular values, so no square root of a rounding error
}

TEST(Fid, MovingBothSetsChangesNothing) {
  const torch::Tensor a = hashed_features(1, 60, 6), b = hashed_features(2, 70, 6) * 3;
  EXPECT_NEAR(fid(a + 7, b + 7), fid(a, b), 1e-10);
}

TEST(Fid, RefusesOneImage) {
  const torch::Tensor one = torch::ones({1, 9}), two = torch::ones({2, 9});
  EXPECT_THAT([&] { fid(one, two); }, ThrowsMessage<std::invalid_argument>(
                                          HasSubstr("needs at least 2 images, got 1; use more")));
  EXPECT_THAT(
      [&] {
        fid(Moments{vector({0}), vector({1}).view({1, 1}), 1}, gaussian({0}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("moments of 1 images have no covariance")));
}

TEST(Fid, NamesTheFirstRowThatIsNotANumber) {
  torch::Tensor broken = torch::ones({20, 3});
  broken[7][1] = std::numeric_limits<float>::quiet_NaN();
  broken[9][0] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(
      [&] {
        fid(torch::ones({20, 3}), broken);
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("2 of 20 rows hold NaN or Inf, the first is row 7")));
  Moments infinite = gaussian({0, 0});
  infinite.mean[0] = std::numeric_limits<double>::infinity();
  EXPECT_THAT(
      [&] {
        fid(infinite, gaussian({0, 0}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("the moments hold NaN or Inf")));
}

TEST(Fid, RefusesFeaturesOfTwoNetworks) {
  const auto message =
      HasSubstr("one side has 2 features per image, the other 3; extract both with the");
  EXPECT_THAT(
      [] {
        fid(gaussian({0, 0}), gaussian({0, 0, 0}));
      },
      ThrowsMessage<std::invalid_argument>(message));
  EXPECT_THAT(
      [] {
        fid(torch::rand({9, 2}), torch::rand({9, 3}));
      },
      ThrowsMessage<std::invalid_argument>(message));
}

}  // namespace
}  // namespace oar
