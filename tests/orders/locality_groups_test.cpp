#include "orders/locality_groups.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

using ::testing::ElementsAre;

TEST(LocalityGroupSizes, AreThoseOfLpd) {  // its group_sizes_lookup.json, 256 and 512 pixels
  EXPECT_THAT(locality_group_sizes(256, 12),
              ElementsAre(1, 7, 11, 15, 19, 22, 25, 28, 30, 32, 33, 33));
  EXPECT_THAT(locality_group_sizes(256, 20), ElementsAre(1, 2, 4, 5, 7, 8, 10, 11, 12, 14, 15, 16,
                                                         17, 18, 18, 19, 19, 20, 20, 20));
  EXPECT_THAT(locality_group_sizes(1024, 48),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                          22, 23, 23, 24, 25, 26, 26, 27, 28, 28, 29, 29, 30, 30, 31, 31, 32, 32,
                          32, 33, 33, 33, 33, 33, 33, 33, 34));
}

TEST(LocalityGroupSizes, AreAsManyAsLpdHasUnlessSaidOtherwise) {
  EXPECT_EQ(locality_group_sizes(256, 0).size(), 20u);
  EXPECT_EQ(locality_group_sizes(1024, 0).size(), 48u);
  EXPECT_EQ(locality_group_sizes(64, 0).size(), 8u);  // 20 · 2.4^-1 = 8.3
  EXPECT_THAT(locality_group_sizes(1, 0), ElementsAre(1));
}

TEST(LocalityGroupSizes, NeverFallAndAddUp) {
  for (int64_t n = 1; n <= 70; ++n) {
    for (int64_t groups = 1; groups <= n; ++groups) {
      const std::vector<int64_t> sizes = locality_group_sizes(n, groups);
      EXPECT_EQ(static_cast<int64_t>(sizes.size()), groups);
      EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), int64_t{0}), n) << groups;
      EXPECT_EQ(sizes[0], groups == 1 ? n : 1);
      EXPECT_TRUE(std::ranges::is_sorted(sizes)) << n << " patches, " << groups << " groups";
    }
  }
}

TEST(LocalityGroupsOrder, FillsA2x2GridOppositeCornersTogether) {
  // Groups of 1 and 3. First any patch. Then one beside it, which keeps the other one beside it
  // away; what is left goes the unsupported patch first, the crowded one last.
  OrderConfig config = order_config("locality_groups", Grid{2, 2});
  config.groups = 2;
  const torch::Tensor orders = make_order(config)->position_at(at::arange(800));
  const torch::Tensor distance = distance_table(config.grid, Distance::kManhattan);
  const auto from_first = [&](int64_t t) {
    return distance.index({orders.select(1, 0), orders.select(1, t)});
  };
  EXPECT_TRUE((from_first(1) == 1).all().item<bool>());
  EXPECT_TRUE((from_first(2) == 2).all().item<bool>());
  // Eight such orders, each 100 times of 800: standard deviation sqrt(800 · 1/8 · 7/8) = 9.4.
  const torch::Tensor kind = orders.select(1, 0) * 4 + orders.select(1, 1);
  const torch::Tensor counts =
      std::get<2>(at::unique_consecutive(std::get<0>(kind.sort()), false, true));
  EXPECT_EQ(counts.size(0), 8);
  EXPECT_LT((counts - 100).abs().max().item<int64_t>(), 5 * 9.4);
}

TEST(LocalityGroupsOrder, IsUniformlyRandomInASingleGroup) {
  OrderConfig config = order_config("locality_groups", Grid{2, 2});
  config.groups = 1;
  const torch::Tensor orders = make_order(config)->position_at(at::arange(2400));
  const torch::Tensor kind =
      orders.select(1, 0) * 16 + orders.select(1, 1) * 4 + orders.select(1, 2);
  const torch::Tensor counts =
      std::get<2>(at::unique_consecutive(std::get<0>(kind.sort()), false, true));
  EXPECT_EQ(counts.size(0), 24);  // each 100 times: standard deviation sqrt(2400 · 1/24 · 23/24)
  EXPECT_LT((counts - 100).abs().max().item<int64_t>(), 5 * 9.8);
}

TEST(LocalityGroupsOrder, GrowsOneBlobPatchByPatchInGroupsOfOne) {
  OrderConfig config = order_config("locality_groups", Grid{6, 5});
  config.groups = 30;
  const Steps steps = steps_of(config);
  for (size_t row = 0; row < 6; ++row) {
    for (size_t col = 0; col < 5; ++col) {
      if (steps[row][col] == 0) continue;
      EXPECT_LT(std::ranges::min(neighbours_of(steps, row, col)), steps[row][col]);
    }
  }
}

/// What LPD's order is for: how far a patch is from the next one of its group, and how many direct
/// neighbours it finds known. Means over orders of a 16x16 grid in 20 groups.
struct Locality {
  double nearest_in_group = 0, known_neighbours = 0;
};
Locality locality_of(const torch::Tensor& orders) {
  const Grid grid{16, 16};
  const torch::Tensor table = distance_table(grid, Distance::kEuclidean).contiguous();
  const double* distance = table.const_data_ptr<double>();
  Locality sum;
  for (int64_t b = 0; b < orders.size(0); ++b) {
    const int64_t* position_at = orders.const_data_ptr<int64_t>() + b * 256;
    int64_t placed = 0;
    for (const int64_t size : locality_group_sizes(256, 20)) {
      for (int64_t t = placed; t < placed + size; ++t) {
        const double* from = distance + position_at[t] * 256;
        double nearest = std::numeric_limits<double>::infinity();
        for (int64_t u = placed; u < placed + size; ++u) {
          if (u != t) nearest = std::min(nearest, from[position_at[u]]);
        }
        if (size > 1) sum.nearest_in_group += nearest / 255;  // all but the first patch
        for (int64_t u = 0; u < placed; ++u)
          sum.known_neighbours += (from[position_at[u]] == 1) / 255.0;
      }
      placed += size;
    }
  }
  const auto n = static_cast<double>(orders.size(0));
  return {sum.nearest_in_group / n, sum.known_neighbours / n};
}

TEST(LocalityGroupsOrder, IsAsLocalAsLpdsOwn) {
  const OrderConfig config = order_config("locality_groups", Grid{16, 16});
  const torch::Tensor orders = make_order(config)->position_at(at::arange(300));
  const Locality found = locality_of(orders);
  // 2,000 orders of LPD's script (repulsion threshold 2, as published): means, and standard
  // deviations between orders. Five standard errors of the difference of the two means.
  const double errors = 5 * std::sqrt(1.0 / 300 + 1.0 / 2000);
  EXPECT_NEAR(found.nearest_in_group, 3.5244, 0.0593 * errors);
  EXPECT_NEAR(found.known_neighbours, 1.8481, 0.0078 * errors);
  EXPECT_NEAR(order_statistics(orders, config.grid).mean_inter_patch_distance, 8.8092,
              0.2090 * errors);
}

TEST(LocalityGroupsOrder, IsAnotherOneForEveryImageAndTheSameInAnyBatch) {
  const auto policy = make_order(order_config("locality_groups", Grid{8, 8}, 2));
  const torch::Tensor orders = policy->position_at(at::arange(20));
  EXPECT_TRUE(orders.slice(0, 7, 9).equal(policy->position_at(at::arange(7, 9))));
  EXPECT_FALSE(orders[7].equal(orders[8]));
}

}  // namespace
}  // namespace oar
