#include "metrics/fid.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/metrics/feature_sets.h"

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
      1e-15);
}

TEST(Fid,
     ASingleRepeatedImageIsADistributionOfNoSpread) {  // distance to N(0, 1): mean 2 -> 4, spread 1
  const torch::Tensor point = torch::full({5, 1}, 2.0);
  EXPECT_NEAR(fid(moments_of(point), gaussian({0})), 5.0, 1e-12);
}

TEST(Fid, OfFewImagesIsTheSameFromFeaturesAndFromMoments) {
  const torch::Tensor a = hashed_features(1, 20, 50), b = hashed_features(2, 30, 50) * 2;
  EXPECT_NEAR(fid(a, b), fid(moments_of(a), moments_of(b)), 1e-10);
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

// ---- closed forms, in any number of dimensions ----

// Rotates by Householder's reflection along a fixed direction: symmetric, orthogonal, full.
torch::Tensor reflection(int64_t dim) {
  const torch::Tensor v = hashed_features(9, dim, 1) + 0.5;
  return torch::eye(dim, torch::kFloat64) - 2 * v.matmul(v.t()) / v.square().sum();
}

Moments centred(torch::Tensor covariance) {
  return {torch::zeros({covariance.size(0)}, torch::kFloat64), std::move(covariance), 1000};
}

// The distance of two Gaussians with the same axes: Σ (√a − √b)².
double along_axes(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.sqrt() - b.sqrt()).square().sum().item<double>();
}

TEST(Fid, OfIndependentFeaturesIsASumOverFeatures) {
  const torch::Tensor a = vector({1, 4, 9, 16}), b = vector({16, 4, 1, 0.25});
  EXPECT_NEAR(fid(centred(a.diag()), centred(b.diag())), 9 + 0 + 4 + 3.5 * 3.5, 1e-12);
}

TEST(Fid, OfCovariancesThatCommuteIsThatOfTheirAxes) {
  const torch::Tensor a = hashed_features(1, 300, 1).squeeze(1) + 0.01;
  const torch::Tensor b = hashed_features(2, 300, 1).squeeze(1) + 0.01;
  const torch::Tensor q = reflection(300);
  const double found =
      fid(centred(q.matmul(a.diag()).matmul(q)), centred(q.matmul(b.diag()).matmul(q)));
  EXPECT_NEAR(found, along_axes(a, b), 1e-10);  // 300 features, ε times a few hundred
}

TEST(Fid, OfASpikeAddedToARoundGaussianIsThatOfTheSpike) {  // Σ2 = I + c v vᵀ: √ of one eigenvalue
  const torch::Tensor v = hashed_features(4, 50, 1);
  const torch::Tensor unit = v / v.norm();
  const torch::Tensor eye = torch::eye(50, torch::kFloat64);
  EXPECT_NEAR(fid(centred(eye), centred(eye + 8 * unit.matmul(unit.t()))), (1 - 3) * (1 - 3),
              1e-12);
}

TEST(Fid, OfARotatedCovarianceWithItselfIsNothing) {
  const torch::Tensor q = reflection(80);
  const torch::Tensor spectrum = torch::logspace(0, -6, 80, 10, torch::kFloat64);
  const Moments moments = centred(q.matmul(spectrum.diag()).matmul(q));
  EXPECT_NEAR(fid(moments, moments), 0.0, 1e-12);
}

TEST(Fid, IsSymmetricInItsArguments) {
  const torch::Tensor many = hashed_normal(1, 500, 40), few = hashed_normal(2, 25, 40) * 2 + 1;
  EXPECT_NEAR(fid(many, few), fid(few, many), 1e-11);
  EXPECT_NEAR(fid(moments_of(many), moments_of(few)), fid(moments_of(few), moments_of(many)),
              1e-11);
}

TEST(Fid, ScalesWithTheSquareOfTheFeatures) {  // from far below to far above float32's range
  const torch::Tensor a = hashed_normal(1, 90, 12), b = hashed_normal(2, 90, 12) * 1.5;
  const double expected = fid(a, b);
  for (const double scale : {1e-70, 1e-20, 1e20, 1e70}) {
    EXPECT_NEAR(fid(a * scale, b * scale) / (scale * scale), expected, 1e-11) << scale;
  }
}

TEST(Fid, FeaturesThatNeverVaryCostOnlyTheirShift) {  // dead units of a network
  const torch::Tensor a = hashed_normal(1, 400, 6), b = hashed_normal(2, 400, 6) * 2;
  const auto with_dead = [](const torch::Tensor& rows, double value) {
    return torch::cat({rows.slice(1, 0, 2), torch::full({400, 3}, value), rows.slice(1, 2)}, 1);
  };
  EXPECT_NEAR(fid(with_dead(a, 1), with_dead(b, 3)), fid(a, b) + 3 * 4, 1e-11);
}

// ---- singular covariances: no square root of a rounding error ----

// Covariance of rank 30 in 100 dimensions, rotated so that rounding fills the empty axes.
Moments of_rank_30(double scale) {
  const torch::Tensor q = reflection(100);
  torch::Tensor spectrum = torch::zeros({100}, torch::kFloat64);
  spectrum.slice(0, 0, 30) = scale * torch::linspace(1, 2, 30, torch::kFloat64);
  return centred(q.matmul(spectrum.diag()).matmul(q));
}

TEST(Fid, OfSingularCovariancesOnTheSameAxesFollowsTheClosedForm) {
  const double trace = 45.0;  // of linspace(1, 2, 30)
  EXPECT_NEAR(fid(of_rank_30(1), of_rank_30(1)), 0.0, 1e-10 * trace);
  EXPECT_NEAR(fid(of_rank_30(1), of_rank_30(9)), trace * (3 - 1) * (3 - 1), 1e-10 * trace);
}

TEST(Fid, OfASingularAndAFullCovarianceFollowsTheClosedForm) {  // 30 axes: √x each, of 1 + x - 2 √x
  const torch::Tensor x = torch::linspace(1, 2, 30, torch::kFloat64);
  const double expected = 70 + (x + 1 - 2 * x.sqrt()).sum().item<double>();
  const Moments full = centred(torch::eye(100, torch::kFloat64));
  EXPECT_NEAR(fid(of_rank_30(1), full), expected, 1e-10);
  EXPECT_NEAR(fid(full, of_rank_30(1)), expected, 1e-10);
}

TEST(Fid, OfALinearlyDependentFeatureIsStable) {  // the third is the sum of the first two
  const auto with_sum = [](const torch::Tensor& rows) {
    return torch::cat({rows, rows.sum(1, /*keepdim=*/true)}, 1);
  };
  const torch::Tensor a = with_sum(hashed_normal(1, 500, 2)), b = a * 3;
  EXPECT_NEAR(fid(a, b),
              4 * moments_of(a).covariance.trace().item<double>() +
                  4 * moments_of(a).mean.square().sum().item<double>(),
              1e-11);
}

TEST(Fid, OfFewImagesIsThatOfTheirMomentsWhicheverSideTheyAreOn) {
  const torch::Tensor few = hashed_normal(1, 20, 50), many = hashed_normal(2, 200, 50) * 2;
  EXPECT_NEAR(fid(few, many), fid(moments_of(few), moments_of(many)), 1e-9);
  EXPECT_NEAR(fid(many, few), fid(moments_of(many), moments_of(few)), 1e-9);
}

TEST(Fid, OfAFileIsThatOfTheTensor) {
  const torch::Tensor a = hashed_normal(1, 300, 7), b = hashed_normal(2, 5, 7);
  EXPECT_EQ(fid(as_a_file(a), as_a_file(b)), fid(a, b));
}

TEST(Fid, OfAPreparedReferenceIsThatOfItsMoments) {
  const torch::Tensor real = hashed_normal(1, 300, 7), generated = hashed_normal(2, 200, 7) + 1;
  const FidReference reference(real);
  EXPECT_EQ(fid(reference, FidReference(generated)), fid(real, generated));
}

// ---- what is refused ----

TEST(Fid, TakesStatisticsThatDoNotSayHowManyImages) {
  Moments file = gaussian({3, 0});
  file.count = 0;
  EXPECT_NEAR(fid(gaussian({0, 0}), file), 9.0, 1e-12);
}

TEST(Fid, RefusesAMatrixThatIsNoCovariance) {
  const auto message = HasSubstr("the matrix given as covariance is none");
  const Moments good = gaussian({0, 0});
  EXPECT_THAT(
      [&] {
        fid(good, gaussian({0, 0}, matrix_2x2(1, 0.5, 0, 1)));
      },
      ThrowsMessage<std::invalid_argument>(message));
  EXPECT_THAT(
      [&] {
        fid(good, gaussian({0, 0}, matrix_2x2(1, 0, 0, -1)));
      },
      ThrowsMessage<std::invalid_argument>(message));
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
