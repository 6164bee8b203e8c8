#include "orders/order_statistics.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "orders/order_policy.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor raster(const Grid& grid) { return at::arange(grid.size()).unsqueeze(0); }

TEST(OrderStatistics, RasterOn16x16Averages1826Milli) {  // 240 steps right, 15 line feeds
  const double expected = (240 * 1 + 15 * std::sqrt(15.0 * 15 + 1)) / 255;
  const Grid grid{16, 16};
  EXPECT_NEAR(order_statistics(raster(grid), grid).mean_inter_patch_distance, expected, 1e-12);
  EXPECT_NEAR(expected, 1.826, 1e-3);
}

TEST(OrderStatistics, AlternateStepsToANeighbourEveryTime) {
  const Grid grid{2, 3};  // right along the first row, back along the second
  const OrderStatistics statistics = order_statistics(torch::tensor({{0, 1, 2, 5, 4, 3}}), grid);
  EXPECT_DOUBLE_EQ(statistics.mean_inter_patch_distance, 1.0);
  EXPECT_DOUBLE_EQ(statistics.neighbour_share, 1.0);
}

TEST(OrderStatistics, RandomAgreesWithTheExactDoubleSum) {
  const Grid grid{6, 5};
  const torch::Tensor table = distance_table(grid, Distance::kEuclidean);
  const double exact = table.sum().item<double>() / (30.0 * 29.0);  // two different patches
  OrderConfig config;
  config.name = "random";
  config.grid = grid;
  const OrderStatistics statistics =
      order_statistics(make_order(config)->position_at(at::arange(2000)), grid);
  // 58,000 jumps with a standard deviation of about 1.4: five standard errors are 0.03.
  EXPECT_NEAR(statistics.mean_inter_patch_distance, exact, 0.03);
}

TEST(OrderStatistics, HistogramCountsEveryJumpOnce) {
  const Grid grid{1, 4};  // 0 -> 3 -> 1 -> 2: jumps of 3, 2 and 1
  const OrderStatistics statistics = order_statistics(torch::tensor({{0, 3, 1, 2}}), grid);
  EXPECT_THAT(statistics.histogram_edges, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(statistics.histogram_counts, ElementsAre(0, 1, 2));  // the last bin is [2, 3]
  EXPECT_DOUBLE_EQ(statistics.mean_inter_patch_distance, 2.0);
}

TEST(OrderStatistics, MeanStepOfACellAveragesOverOrders) {
  const OrderStatistics statistics =
      order_statistics(torch::tensor({{0, 1, 2, 3}, {3, 2, 1, 0}}), Grid{2, 2});
  EXPECT_TRUE(statistics.mean_step_of.equal(torch::full({2, 2}, 1.5, torch::kFloat64)));
}

TEST(OrderStatistics, AGridOfOnePatchHasNoJumps) {
  EXPECT_EQ(
      order_statistics(torch::zeros({1, 1}, torch::kInt64), Grid{1, 1}).mean_inter_patch_distance,
      0.0);
}

TEST(StepOf, IsTheInverseOfAnOrder) {
  EXPECT_TRUE(step_of(torch::tensor({{2, 0, 1}})).equal(torch::tensor({{1, 2, 0}})));
}

TEST(StepOf, NamesTheOrderThatPlacesAPatchTwice) {
  EXPECT_THAT(
      [] {
        step_of(torch::tensor({{0, 1, 2}, {0, 0, 2}}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("order 1 is not a permutation")));
}

}  // namespace
}  // namespace oar
