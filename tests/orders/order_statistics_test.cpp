#include "orders/order_statistics.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/roll.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "orders/order_policy.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor raster(const Grid& grid) { return at::arange(grid.size()).unsqueeze(0); }

torch::Tensor random_orders(const Grid& grid, int64_t count) {
  OrderConfig config;
  config.name = "random";
  config.grid = grid;
  return make_order(config)->position_at(at::arange(count));
}

/// Black squares of the chess board first, then white ones, each row by row.
torch::Tensor checkerboard(const Grid& grid) {
  std::vector<int64_t> order;
  for (const int64_t colour : {0, 1}) {
    for (int64_t p = 0; p < grid.size(); ++p) {
      if ((grid.row(p) + grid.col(p)) % 2 == colour) order.push_back(p);
    }
  }
  return torch::tensor(order).unsqueeze(0);
}

std::vector<double> numbers(const torch::Tensor& tensor) {
  return {tensor.const_data_ptr<double>(), tensor.const_data_ptr<double>() + tensor.numel()};
}

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
  // 58,000 jumps with a standard deviation of about 1.4: five standard errors are 0.03.
  EXPECT_NEAR(order_statistics(random_orders(grid, 2000), grid).mean_inter_patch_distance, exact,
              0.03);
}

TEST(OrderStatistics, HistogramCountsEveryJumpOnce) {
  const Grid grid{1, 4};  // 0 -> 3 -> 1 -> 2: jumps of 3, 2 and 1
  const OrderStatistics statistics = order_statistics(torch::tensor({{0, 3, 1, 2}}), grid);
  EXPECT_THAT(statistics.histogram_edges, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(statistics.histogram_counts, ElementsAre(0, 1, 2));  // the last bin is [2, 3]
  EXPECT_DOUBLE_EQ(statistics.mean_inter_patch_distance, 2.0);
}

TEST(OrderStatistics, EachOrderHasItsOwnNumbersAndTheSetTheirMeanAndSpread) {
  const Grid grid{1, 4};  // jumps of 1, 1, 1 and of 3, 2, 1
  const OrderStatistics statistics =
      order_statistics(torch::tensor({{0, 1, 2, 3}, {0, 3, 1, 2}}), grid);
  EXPECT_THAT(numbers(statistics.each.mean_jump), ElementsAre(1, 2));
  EXPECT_DOUBLE_EQ(statistics.mean_inter_patch_distance, 1.5);
  EXPECT_DOUBLE_EQ(statistics.stddev_inter_patch_distance, 0.5);
  EXPECT_EQ(numbers(statistics.each.neighbour_share), (std::vector<double>{1, 1.0 / 3}));
  EXPECT_EQ(numbers(statistics.each.raster_tau), (std::vector<double>{1, 1 - 2 * 2.0 / 6}));
  EXPECT_DOUBLE_EQ(statistics.raster_tau, 2.0 / 3);
  EXPECT_DOUBLE_EQ(statistics.stddev_raster_tau, 1.0 / 3);
}

// On 1x4 the longest jump is 3 patches: those of 2 and 3 are over half of it.
TEST(OrderStatistics, ALongJumpIsOneOverHalfOfTheLongest) {
  const Grid grid{1, 4};
  EXPECT_DOUBLE_EQ(half_longest_jump(grid), 1.5);
  EXPECT_DOUBLE_EQ(order_statistics(torch::tensor({{0, 3, 1, 2}}), grid).long_jump_share, 2.0 / 3);
  EXPECT_DOUBLE_EQ(half_longest_jump({4, 5}), 2.5);  // corner to corner: 3, 4, 5
}

TEST(OrderStatistics, RasterTouchesAFilledPatchAtEveryStepAndIsOneBlob) {
  const Grid grid{4, 5};
  const OrderStatistics statistics = order_statistics(raster(grid), grid);
  EXPECT_DOUBLE_EQ(statistics.touch_share, 1.0);
  EXPECT_EQ(numbers(statistics.blobs), std::vector<double>(20, 1.0));
  EXPECT_DOUBLE_EQ(statistics.mean_blobs, 1.0);
}

// 3x3: five black squares stand alone, then each white one joins those beside it:
// (0, 1) joins three of the five, (1, 0) a fourth to them, (1, 2) the last, (2, 1) nothing new.
TEST(OrderStatistics, ACheckerboardGrowsToHalfAsManyBlobsAsPatchesAndJoinsThem) {
  const Grid grid{3, 3};
  const OrderStatistics statistics = order_statistics(checkerboard(grid), grid);
  EXPECT_THAT(numbers(statistics.blobs), ElementsAre(1, 2, 3, 4, 5, 3, 2, 1, 1));
  EXPECT_DOUBLE_EQ(statistics.mean_blobs, 22.0 / 9);
  EXPECT_DOUBLE_EQ(statistics.touch_share, 4.0 / 8);  // the white ones
}

// position_at[t] = (7 t + 11) mod 30 on 5x6: scipy.ndimage.label of the filled patches of each
// step, and a Python loop over neighbours.
TEST(OrderStatistics, BlobsAndTouchesAreThoseOfScipy) {
  const torch::Tensor order = at::remainder(raster({5, 6}) * 7 + 11, 30);
  const OrderStatistics statistics = order_statistics(order, Grid{5, 6});
  EXPECT_EQ(numbers(statistics.blobs),
            (std::vector<double>{1,  2,  3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12, 11,
                                 11, 10, 8, 7, 7, 5, 4, 3, 2, 2,  1,  1,  1,  1,  1}));
  EXPECT_DOUBLE_EQ(statistics.touch_share, 18.0 / 29);
}

TEST(OrderStatistics, ARingThatClosesStaysOneBlob) {
  const Grid grid{2, 2};
  EXPECT_EQ(numbers(order_statistics(torch::tensor({{0, 3, 1, 2}}), grid).blobs),
            (std::vector<double>{1, 2, 1, 1}));
}

TEST(OrderStatistics, MeanAndSpreadOfTheStepOfACell) {
  const OrderStatistics statistics =
      order_statistics(torch::tensor({{0, 1, 2, 3}, {3, 2, 1, 0}}), Grid{2, 2});
  EXPECT_TRUE(statistics.mean_step_of.equal(torch::full({2, 2}, 1.5, torch::kFloat64)));
  EXPECT_EQ(numbers(statistics.stddev_step_of), (std::vector<double>{1.5, 0.5, 0.5, 1.5}));
}

// Cells of a 3x4 grid by their distance to its centre: 2, 4, 2 and 4 of them.
TEST(OrderStatistics, AnOrderFromTheCentreOutwardsRanksAsHighAsTiesAllow) {
  const torch::Tensor outwards = torch::tensor({{5, 6, 1, 2, 9, 10, 4, 7, 0, 3, 8, 11}});
  const Grid grid{3, 4};
  const double expected = std::sqrt(1 - (6 + 60 + 6 + 60) / (12.0 * 12 * 12 - 12));
  EXPECT_NEAR(order_statistics(outwards, grid).centre_to_border, expected, 1e-15);
  EXPECT_NEAR(order_statistics(outwards.flip(1), grid).centre_to_border, -expected, 1e-15);
  EXPECT_NEAR(order_statistics(raster(grid), grid).centre_to_border, 0, 1e-15);
}

TEST(OrderStatistics, CentreToBorderIsScipysSpearmanWithTies) {
  const torch::Tensor order = torch::tensor({{3, 0, 11, 7, 1, 10, 6, 2, 5, 4, 9, 8}});
  EXPECT_NEAR(order_statistics(order, Grid{3, 4}).centre_to_border, -0.3930418320670321, 1e-15);
}

TEST(OrderStatistics, WhereAllCellsAreAsFarNothingIsNearerToTheCentre) {
  EXPECT_TRUE(std::isnan(order_statistics(raster({2, 2}), Grid{2, 2}).centre_to_border));
}

TEST(OrderStatistics, RasterIsItselfAndItsReverseTheOpposite) {
  const Grid grid{4, 4};
  const OrderStatistics statistics =
      order_statistics(at::cat({raster(grid), raster(grid).flip(1)}), grid);
  EXPECT_THAT(numbers(statistics.each.raster_tau), ElementsAre(1, -1));
  EXPECT_THAT(numbers(statistics.each.raster_rho), ElementsAre(1, -1));
  EXPECT_DOUBLE_EQ(statistics.between_tau, -1);
  EXPECT_DOUBLE_EQ(statistics.between_rho, -1);
  EXPECT_EQ(statistics.orders_compared, 2);
}

TEST(OrderStatistics, RandomOrdersAgreeNeitherWithRasterNorWithEachOther) {
  const Grid grid{4, 4};
  const OrderStatistics statistics = order_statistics(random_orders(grid, 1000), grid);
  // Var τ = 2 (2N + 5) / (9 N (N - 1)) = 0.034 for an order, Var ρ = 1 / (N - 1) = 0.067: five
  // standard errors of the mean of 1,000 are 0.03 and 0.04, of their variances a fifth.
  EXPECT_NEAR(statistics.raster_tau, 0, 0.03);
  EXPECT_NEAR(statistics.raster_rho, 0, 0.04);
  EXPECT_NEAR(statistics.stddev_raster_tau, std::sqrt(0.03426), 0.03);
  EXPECT_NEAR(statistics.stddev_raster_rho, std::sqrt(1.0 / 15), 0.04);
  EXPECT_NEAR(statistics.between_tau, 0, 0.005);
  EXPECT_NEAR(statistics.between_rho, 0, 0.005);
}

TEST(OrderStatistics, EntropyOfTheFirstPositionReachesLnNWhereAllPatchesComeFirstEquallyOften) {
  const Grid grid{2, 3};
  std::vector<torch::Tensor> shifted;
  for (int64_t shift = 0; shift < 6; ++shift) shifted.push_back(at::roll(raster(grid), shift, 1));
  EXPECT_NEAR(order_statistics(at::cat(shifted), grid).first_position_entropy, std::log(6), 1e-15);
  EXPECT_EQ(order_statistics(raster(grid), grid).first_position_entropy, 0);
  EXPECT_NEAR(order_statistics(at::cat({shifted[0], shifted[0], shifted[0], shifted[1]}), grid)
                  .first_position_entropy,
              -0.75 * std::log(0.75) - 0.25 * std::log(0.25), 1e-15);
}

TEST(OrderStatistics, LikelihoodIsAveragedByStepAndSummedByImage) {
  const Grid grid{1, 2};
  const OrderStatistics statistics = order_statistics(
      torch::tensor({{0, 1}, {1, 0}}), grid, torch::tensor({{-1.0f, -0.5f}, {-2.0f, -0.25f}}));
  EXPECT_THAT(numbers(statistics.log_likelihood), ElementsAre(-1.5, -0.375));
  EXPECT_THAT(numbers(statistics.each.nats), ElementsAre(1.5, 2.25));
  EXPECT_DOUBLE_EQ(statistics.nats_per_image, 1.875);
}

TEST(OrderStatistics, WithoutLikelihoodsThereAreNoNats) {
  const OrderStatistics statistics = order_statistics(raster({2, 2}), Grid{2, 2});
  EXPECT_FALSE(statistics.log_likelihood.defined());
  EXPECT_TRUE(std::isnan(statistics.nats_per_image));
}

TEST(OrderStatistics, RefusesLikelihoodsThatAreNoNumbersOrOfOtherOrders) {
  const Grid grid{1, 2};
  const torch::Tensor orders = torch::tensor({{0, 1}, {1, 0}});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      [&] {
        order_statistics(orders, grid, torch::tensor({{-1.0f, -1.0f}, {-1.0f, nan}}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("a log-likelihood of order 1")));
  EXPECT_THROW(order_statistics(orders, grid, torch::zeros({1, 2})), std::invalid_argument);
}

TEST(OrderStatistics, AGridOfOnePatchHasNoJumpsAndNothingToCompare) {
  const OrderStatistics one = order_statistics(torch::zeros({1, 1}, torch::kInt64), Grid{1, 1});
  for (const double number :
       {one.mean_inter_patch_distance, one.neighbour_share, one.touch_share, one.long_jump_share,
        one.centre_to_border, one.raster_tau, one.between_tau}) {
    EXPECT_TRUE(std::isnan(number));
  }
  EXPECT_EQ(one.mean_blobs, 1);
  EXPECT_THAT(one.histogram_counts, ElementsAre(0));
}

TEST(OrderStatistics, RefusesOrdersOfAnotherGridAndNone) {
  EXPECT_THROW(order_statistics(raster({2, 2}), Grid{2, 3}), std::invalid_argument);
  EXPECT_THROW(order_statistics(torch::zeros({0, 4}, torch::kInt64), Grid{2, 2}),
               std::invalid_argument);
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
