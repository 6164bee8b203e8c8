#include "metrics/distance_screen.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/metrics/feature_sets.h"

namespace oar {
namespace {

// How many pairs of rows lie outside the bounds that the screen gives for their distance.
int64_t broken_bounds(const torch::Tensor& a, const torch::Tensor& b) {
  const DistanceScreen screen(a, b);
  const auto x = screen.block(a, 0, a.size(0)), y = screen.block(b, 0, b.size(0));
  const torch::Tensor products = DistanceScreen::products(x, y);
  int64_t broken = 0;
  for (int64_t i = 0; i < a.size(0); ++i) {
    for (int64_t j = 0; j < b.size(0); ++j) {
      const auto at_i = static_cast<size_t>(i), at_j = static_cast<size_t>(j);
      const double exact = screen.squared_distance(x.rows, i, y.rows, j);
      const float closeness = products[i][j].item<float>() - (x.offset[at_i] + y.offset[at_j]);
      const double lowest = -2.0 * static_cast<double>(closeness);
      broken += static_cast<int64_t>(exact < lowest);
      broken += static_cast<int64_t>(exact > lowest + x.slack[at_i] + y.slack[at_j]);
    }
  }
  return broken;
}

TEST(DistanceScreen, BoundsHoldForRowsOfAnyOrigin) {
  const torch::Tensor a = hashed_normal(1, 40, 300), b = hashed_normal(2, 50, 300);
  EXPECT_EQ(broken_bounds(a, b), 0);
  EXPECT_EQ(broken_bounds(a + 1e6, b + 1e6), 0);
  EXPECT_EQ(broken_bounds((a + 1e3).to(torch::kFloat32), b), 0);
}

TEST(DistanceScreen, BoundsHoldForNearCopiesAndForRowsOfVeryDifferentSize) {
  const torch::Tensor a = hashed_normal(1, 40, 30);
  EXPECT_EQ(broken_bounds(a, a + 1e-9 * hashed_normal(2, 40, 30)), 0);
  EXPECT_EQ(broken_bounds(a, a * torch::logspace(-30, 3, 40, 10, torch::kFloat64).unsqueeze(1)), 0);
}

TEST(DistanceScreen, BoundsHoldWhereProductsAllRoundTheSameWay) {  // no luck of random signs
  EXPECT_EQ(broken_bounds(torch::full({3, 2048}, 1.0 / 3), -torch::full({3, 2048}, 1.0 / 3)), 0);
}

TEST(DistanceScreen, TellsMostPairsOfTypicalFeaturesApart) {  // or it would save no time
  const torch::Tensor a = hashed_normal(1, 2, 2048);
  const DistanceScreen screen(a, a);
  const auto x = screen.block(a, 0, 2);
  EXPECT_LT(x.slack[0] + x.slack[1], 1e-3 * screen.squared_distance(a, 0, a, 1));
}

TEST(DistanceScreen, ACopyIsAtDistanceZeroAndOrderDoesNotMatter) {
  const torch::Tensor a = hashed_normal(1, 3, 501) + 1e4;
  const torch::Tensor b = a.to(torch::kFloat32).to(torch::kFloat64);
  const DistanceScreen screen(b, a);
  EXPECT_EQ(screen.squared_distance(b, 1, b.to(torch::kFloat32), 1), 0.0);
  EXPECT_EQ(screen.squared_distance(a, 0, b, 2), screen.squared_distance(b, 2, a, 0));
}

}  // namespace
}  // namespace oar
