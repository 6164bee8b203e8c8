#include "orders/rank_correlation.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/remainder.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor raster(int64_t n) { return at::arange(n, torch::kInt64).unsqueeze(0); }

/// position_at[t] = (factor · t + 11) mod n, a permutation where factor and n share no divisor.
torch::Tensor strided(int64_t factor, int64_t n) {
  return at::remainder(raster(n) * factor + 11, n);
}

TEST(KendallTau, OfAnOrderAndItsReverseIsMinusOne) {
  EXPECT_EQ(kendall_tau(raster(256), raster(256)).item<double>(), 1.0);
  EXPECT_EQ(kendall_tau(raster(256), raster(256).flip(1)).item<double>(), -1.0);
}

TEST(KendallTau, LosesFourOverNTimesNMinusOneWithEverySwapOfNeighbours) {  // one of 6 pairs
  EXPECT_DOUBLE_EQ(kendall_tau(torch::tensor({{0, 2, 1, 3}}), raster(4)).item<double>(), 4.0 / 6);
}

// scipy.stats.kendalltau and spearmanr of the steps that the two orders give to each patch.
TEST(RankCorrelation, AgreesWithScipy) {
  const torch::Tensor a = torch::tensor({{3, 0, 7, 1, 6, 2, 5, 4}});
  const torch::Tensor b = torch::tensor({{0, 4, 2, 7, 1, 3, 6, 5}});
  EXPECT_NEAR(kendall_tau(a, b).item<double>(), 0.07142857142857142, 1e-15);
  EXPECT_NEAR(spearman_rho(a, b).item<double>(), 0.07142857142857144, 1e-15);
  EXPECT_NEAR(kendall_tau(a, raster(8)).item<double>(), 0.14285714285714285, 1e-15);
  EXPECT_NEAR(spearman_rho(a, raster(8)).item<double>(), 0.261904761904762, 1e-15);
}

TEST(RankCorrelation, ComparesStepsOfPatchesAndNotPatchesOfSteps) {
  // 0 is first in both, then 1, 2, 3 and 2, 3, 1: patches 1|2 and 1|3 change places, 2 of 6 pairs.
  const torch::Tensor a = torch::tensor({{0, 1, 2, 3}}), b = torch::tensor({{0, 2, 3, 1}});
  EXPECT_DOUBLE_EQ(kendall_tau(a, b).item<double>(), 1 - 2 * 2.0 / 6);
  EXPECT_DOUBLE_EQ(spearman_rho(a, b).item<double>(), 1 - 6 * (4 + 1 + 1) / 60.0);
}

TEST(RankCorrelation, SpearmanOfAnOrderAndItsReverseIsMinusOne) {
  EXPECT_DOUBLE_EQ(spearman_rho(raster(64), raster(64).flip(1)).item<double>(), -1.0);
}

TEST(RankCorrelation, OfOnePatchIsNotANumber) {
  EXPECT_TRUE(std::isnan(kendall_tau(raster(1), raster(1)).item<double>()));
  EXPECT_TRUE(std::isnan(spearman_rho(raster(1), raster(1)).item<double>()));
}

TEST(RankCorrelation, RefusesOrdersOfOtherShapes) {
  EXPECT_THAT([] { kendall_tau(raster(4), raster(5)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("[1, 4] cannot be compared")));
  EXPECT_THROW(
      spearman_rho(at::cat({raster(4), raster(4), raster(4)}), at::cat({raster(4), raster(4)})),
      std::invalid_argument);
}

TEST(MeanCorrelation, IsTheMeanOverAllPairsAsScipyHasThem) {
  // Pairs (5, 27), (5, 45), (27, 45): τ -0.175595, 0, 0.0625; ρ -0.157509, 0.015385, 0.076923.
  const torch::Tensor orders = at::cat({strided(5, 64), strided(27, 64), strided(45, 64)});
  const MeanCorrelation mean = mean_correlation(orders);
  EXPECT_EQ(mean.orders, 3);
  EXPECT_NEAR(mean.tau, -0.037698412698412696, 1e-15);
  EXPECT_NEAR(mean.rho, -0.021733821733821726, 1e-15);
}

TEST(MeanCorrelation, OfEqualOrdersIsOneAndOfAnOrderAndItsReverseMinusOne) {
  const MeanCorrelation same = mean_correlation(raster(30).expand({5, 30}));
  EXPECT_DOUBLE_EQ(same.tau, 1);
  EXPECT_DOUBLE_EQ(same.rho, 1);
  const MeanCorrelation reversed = mean_correlation(at::cat({raster(30), raster(30).flip(1)}));
  EXPECT_DOUBLE_EQ(reversed.tau, -1);
  EXPECT_DOUBLE_EQ(reversed.rho, -1);
}

TEST(MeanCorrelation, TakesEvenlySpacedOrdersWhereAllWouldTakeTooLong) {
  // Orders 0, 2 and 4 are raster, 1, 3 and 5 its reverse; three of six patch pairs' budget is 3
  // · 6.
  const torch::Tensor orders = at::cat({raster(4), raster(4).flip(1)}).repeat({3, 1});
  const MeanCorrelation mean = mean_correlation(orders, 3 * 6);
  EXPECT_EQ(mean.orders, 3);
  EXPECT_DOUBLE_EQ(mean.tau, 1);
  EXPECT_DOUBLE_EQ(mean_correlation(orders).tau, (6 * 1.0 - 9 * 1.0) / 15);  // 15 pairs, 9 mixed
}

TEST(MeanCorrelation, OfOneOrderIsNotANumber) {
  EXPECT_TRUE(std::isnan(mean_correlation(raster(4)).tau));
  EXPECT_TRUE(std::isnan(mean_correlation(raster(4)).rho));
}

}  // namespace
}  // namespace oar
