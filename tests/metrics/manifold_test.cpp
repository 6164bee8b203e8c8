#include "metrics/manifold.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/metrics/feature_sets.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor points(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64).unsqueeze(1);
}

// From their definitions, on all squared distances at once.
ManifoldScores by_definition(const torch::Tensor& real, const torch::Tensor& generated, int64_t k,
                             int64_t nearest_k) {
  const torch::Tensor x = real.to(torch::kFloat64), y = generated.to(torch::kFloat64);
  const auto squared = [](const torch::Tensor& a, const torch::Tensor& b) {
    std::vector<torch::Tensor> rows;
    for (int64_t i = 0; i < a.size(0); ++i) rows.push_back((b - a[i]).square().sum(1));
    return torch::stack(rows);
  };
  const auto radii = [&](const torch::Tensor& a, int64_t neighbours) {  // the first is itself
    return std::get<0>(squared(a, a).sort(1)).select(1, neighbours);
  };
  const auto share = [](const torch::Tensor& flags) {
    return flags.to(torch::kFloat64).mean().item<double>();
  };
  const torch::Tensor across = squared(x, y);
  const torch::Tensor in_ball = across < radii(x, nearest_k).unsqueeze(1);
  return {share((across <= radii(x, k).unsqueeze(1)).any(0)),
          share((across <= radii(y, k).unsqueeze(0)).any(1)),
          in_ball.to(torch::kFloat64).sum(0).mean().item<double>() / static_cast<double>(nearest_k),
          share(in_ball.any(1))};
}

void expect_equal(const ManifoldScores& ours, const ManifoldScores& expected) {
  EXPECT_DOUBLE_EQ(ours.precision, expected.precision);
  EXPECT_DOUBLE_EQ(ours.recall, expected.recall);
  EXPECT_DOUBLE_EQ(ours.density, expected.density);
  EXPECT_DOUBLE_EQ(ours.coverage, expected.coverage);
}

// ---- by hand, on a line ----

// k = 1: the balls are 0 ± 1, 1 ± 1, 10 ± 2 and 12 ± 2.
const torch::Tensor kReal = points({0, 1, 10, 12});

TEST(Manifold, PrecisionIsTheShareOfGeneratedImagesInRealBallsAndTheSphereIsInside) {
  EXPECT_EQ(manifold_metrics(kReal, points({0.5, 2, 11, 30}), 1, 1).precision, 0.75);
}

TEST(Manifold, RecallIsTheShareOfRealImagesInGeneratedBalls) {  // 0 ± 0.5, 0.5 ± 0.5: 0 and 1
  EXPECT_EQ(manifold_metrics(kReal, points({0, 0.5}), 1, 1).recall, 0.5);
}

TEST(Manifold, PrecisionAndRecallChangePlacesWithTheSides) {
  const torch::Tensor a = hashed_normal(1, 60, 4), b = hashed_normal(2, 50, 4) * 0.5;
  EXPECT_EQ(manifold_metrics(a, b).precision, manifold_metrics(b, a).recall);
  EXPECT_GT(manifold_metrics(a, b).precision, manifold_metrics(a, b).recall);  // narrow, but real
}

TEST(Manifold, DensityCountsTheRealBallsAroundAGeneratedImageWithoutTheSphere) {
  // 0.5 lies in two balls, 2 on a sphere, 12.5 in one: 3 balls, 4 images, k = 1
  EXPECT_EQ(manifold_metrics(kReal, points({0.5, 2, 12.5, 30}), 1, 1).density, 0.75);
}

TEST(Manifold, CoverageIsTheShareOfRealImagesWhoseBallHoldsAGeneratedOne) {
  EXPECT_EQ(manifold_metrics(kReal, points({0.5, 2, 12.5, 30}), 1, 1).coverage, 0.75);
}

TEST(Manifold, TheKthNeighbourCountsNeitherItselfNorTwice) {  // k = 2 around 0: reaches to 10
  EXPECT_EQ(manifold_metrics(points({0, 1, 10}), points({-10, -10.5, 99}), 2, 1).precision,
            1.0 / 3);
}

// ---- copies ----

TEST(Manifold, ACopyOfACopiedImageIsInsideABallOfNoSize) {
  const torch::Tensor image = hashed_normal(1, 1, 2048).to(torch::kFloat32) * 100;
  const torch::Tensor copies = image.repeat({6, 1});
  const ManifoldScores scores = manifold_metrics(copies, copies);
  EXPECT_EQ(scores.precision, 1.0);  // distance 0 <= radius 0
  EXPECT_EQ(scores.recall, 1.0);
  EXPECT_EQ(scores.density, 0.0);  // 0 < 0 is false
  EXPECT_EQ(scores.coverage, 0.0);
  EXPECT_EQ(manifold_metrics(copies, std::nextafter(1.0F, 2.0F) * copies).precision, 0.0);
}

TEST(Manifold, OfMoreCopiesThanNeighboursAreKeptFollowsTheDefinition) {
  const torch::Tensor real = hashed_normal(1, 10, 64).repeat({30, 1});
  const torch::Tensor generated = torch::cat({real.slice(0, 0, 5), hashed_normal(2, 40, 64)});
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

// ---- the definition, on sets that make the screen work ----

TEST(Manifold, OfSeveralBlocksFollowsTheDefinition) {
  const torch::Tensor real = hashed_normal(1, 2100, 4), generated = hashed_normal(2, 2060, 4) * 0.9;
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

TEST(Manifold, OfMoreNeighboursForPrecisionThanForDensityFollowsTheDefinition) {
  const torch::Tensor real = hashed_normal(1, 300, 6), generated = hashed_normal(2, 250, 6) * 0.9;
  expect_equal(manifold_metrics(real, generated, 7, 2), by_definition(real, generated, 7, 2));
}

TEST(Manifold, OfManyFeaturesFollowsTheDefinition) {
  const torch::Tensor real = hashed_normal(1, 300, 2048).to(torch::kFloat32);
  const torch::Tensor generated = hashed_normal(2, 280, 2048).to(torch::kFloat32);
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

TEST(Manifold, WhereManyDistancesAreEqualFollowsTheDefinition) {  // points of a grid
  const torch::Tensor real = (hashed_features(1, 900, 5) * 4).floor();
  const torch::Tensor generated = (hashed_features(2, 800, 5) * 4).floor();
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

TEST(Manifold, FarFromTheOriginFollowsTheDefinition) {
  const torch::Tensor real = (hashed_normal(1, 200, 20) + 1e4).to(torch::kFloat32);
  const torch::Tensor generated = (hashed_normal(2, 200, 20) + 1e4).to(torch::kFloat32);
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

TEST(Manifold, OfTightClustersFarApartFollowsTheDefinition) {  // float32 sees points, not balls
  const auto clusters = [](int64_t stream) {
    const torch::Tensor centres = hashed_normal(3, 8, 10).repeat({40, 1});
    return centres + 1e-6 * hashed_normal(stream, 320, 10);
  };
  const torch::Tensor real = clusters(1), generated = clusters(2);
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

TEST(Manifold, WithOneImageFarOutFollowsTheDefinition) {  // it must not blunt the others' bounds
  torch::Tensor real = hashed_normal(1, 200, 20), generated = hashed_normal(2, 200, 20);
  real[17] *= 1e8;
  generated[3] *= 1e9;
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

TEST(Manifold, DoesNotDependOnTheScaleOfTheFeatures) {
  const torch::Tensor real = hashed_normal(1, 200, 8), generated = hashed_normal(2, 150, 8);
  expect_equal(manifold_metrics(real * 0x1p-400, generated * 0x1p-400),
               manifold_metrics(real, generated));
}

TEST(Manifold, OfAFileIsThatOfTheTensorAndNeverReadsIt) {
  const torch::Tensor real = hashed_normal(1, 3000, 6).to(torch::kFloat32);
  const torch::Tensor generated = hashed_normal(2, 2500, 6).to(torch::kFloat32);
  int64_t most = 0;
  expect_equal(manifold_metrics(as_a_file(real, &most), as_a_file(generated, &most)),
               manifold_metrics(real, generated));
  EXPECT_LE(most, 2048);
}

TEST(Manifold, OfTheFewestImagesThatHaveKNeighbours) {
  const torch::Tensor real = hashed_normal(1, 6, 3), generated = hashed_normal(2, 4, 3);
  expect_equal(manifold_metrics(real, generated), by_definition(real, generated, 3, 5));
}

// ---- what is refused ----

TEST(Manifold, RefusesTooFewImagesForItsNeighbours) {
  const torch::Tensor few = torch::ones({3, 2}), many = torch::ones({50, 2});
  EXPECT_THAT([&] { manifold_metrics(few, many); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("prc_neighborhood = 3 needs at least 4 real images, got 3")));
  EXPECT_THAT([&] { manifold_metrics(many, few); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("at least 4 generated images")));
  EXPECT_THAT([&] { manifold_metrics(many, many, 3, 50); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("nearest_k = 50 needs at least 51 real images, got 50")));
  EXPECT_THAT([&] { manifold_metrics(many, many, 0); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("prc_neighborhood must be >= 1")));
}

TEST(Manifold, RefusesFeaturesOfTwoNetworksAndWhatIsNotANumber) {
  EXPECT_THAT(
      [] {
        manifold_metrics(torch::ones({9, 2}), torch::ones({9, 3}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("one side has 2 features per image, the other 3")));
  torch::Tensor broken = torch::ones({9, 2});
  broken[4][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      [&] {
        manifold_metrics(torch::ones({9, 2}), broken);
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("generated images: 1 of 9 rows hold NaN or Inf, the first is row 4")));
}

}  // namespace
}  // namespace oar
