#include "orders/order_comparison.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor raster(int64_t n) { return at::arange(n, torch::kInt64).unsqueeze(0); }

TEST(CompareOrders, ASetAgreesWithItselfThroughout) {
  const torch::Tensor orders = at::cat({raster(6), raster(6).flip(1)});
  const OrderComparison same = compare_orders(orders, orders, {2, 3});
  EXPECT_EQ(same.num_orders, 2);
  EXPECT_EQ(same.mean_tau, 1);
  EXPECT_EQ(same.stddev_tau, 0);
  EXPECT_EQ(same.mean_rho, 1);
  EXPECT_EQ(same.equal_share, 1);
  EXPECT_EQ(same.identical_share, 1);
  EXPECT_EQ(same.mean_jump_a, same.mean_jump_b);
}

// 1x3; the first image has the same order twice, the second one order and its reverse, which agree
// on the patch in the middle.
TEST(CompareOrders, AveragesOverImagesAndCountsEqualSteps) {
  const torch::Tensor a = torch::tensor({{0, 1, 2}, {0, 1, 2}});
  const torch::Tensor b = torch::tensor({{0, 1, 2}, {2, 1, 0}});
  const OrderComparison found = compare_orders(a, b, {1, 3});
  EXPECT_EQ(found.mean_tau, 0);
  EXPECT_EQ(found.stddev_tau, 1);
  EXPECT_EQ(found.mean_rho, 0);
  EXPECT_EQ(found.stddev_rho, 1);
  EXPECT_DOUBLE_EQ(found.equal_share, 4.0 / 6);
  EXPECT_DOUBLE_EQ(found.identical_share, 0.5);
}

TEST(CompareOrders, StatesTheMeanJumpOfEachSet) {
  const OrderComparison found =
      compare_orders(torch::tensor({{0, 1, 2, 3}}), torch::tensor({{0, 3, 1, 2}}), {1, 4});
  EXPECT_DOUBLE_EQ(found.mean_jump_a, 1);
  EXPECT_DOUBLE_EQ(found.mean_jump_b, 2);
  EXPECT_DOUBLE_EQ(found.mean_tau, 1 - 2 * 2.0 / 6);
}

TEST(CompareOrders, OfOnePatchCorrelateNowhere) {
  const OrderComparison found = compare_orders(raster(1), raster(1), {1, 1});
  EXPECT_TRUE(std::isnan(found.mean_tau));
  EXPECT_EQ(found.equal_share, 1);
}

TEST(CompareOrders, RefusesSetsOfDifferentImagesOrGrids) {
  EXPECT_THAT(
      [] {
        compare_orders(raster(4), raster(4).expand({2, 4}), {2, 2});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("they are [1, 4] and [2, 4]")));
  EXPECT_THROW(compare_orders(raster(4), raster(4), {2, 3}), std::invalid_argument);
  EXPECT_THROW(compare_orders(torch::tensor({{0, 0}}), raster(2), {1, 2}), std::invalid_argument);
}

}  // namespace
}  // namespace oar
