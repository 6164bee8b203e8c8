#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

torch::Tensor orders_of(const OrderConfig& config, int64_t images) {
  return make_order(config)->position_at(at::arange(images));
}

OrderConfig penalised(Grid grid, double penalty, Distance distance = Distance::kEuclidean) {
  OrderConfig config = order_config("random", grid);
  config.distance_penalty = penalty;
  config.distance = distance;
  return config;
}

/// How often the second patch is `second` where the first one is position 0, with five standard
/// errors of that share.
struct Share {
  double value, tolerance;
};
Share share_of_second(const OrderConfig& config, int64_t second) {
  const torch::Tensor orders = orders_of(config, 20000);
  const torch::Tensor seconds = orders.select(1, 1).masked_select(orders.select(1, 0) == 0);
  const double share = (seconds == second).to(torch::kFloat64).mean().item<double>();
  return {share, 5 * std::sqrt(share * (1 - share) / static_cast<double>(seconds.size(0)))};
}

TEST(RandomOrder, PutsEveryPatchFirstEquallyOften) {
  const torch::Tensor first = orders_of(order_config("random", Grid{2, 2}), 4000).select(1, 0);
  // 1000 expected of 4000; the standard deviation of a count is sqrt(4000 · 1/4 · 3/4) = 27.4.
  for (int64_t p = 0; p < 4; ++p) EXPECT_NEAR((first == p).sum().item<int64_t>(), 1000, 5 * 27.4);
}

TEST(RandomOrder, ChangesWithTheSeed) {
  EXPECT_NE(steps_of(order_config("random", Grid{4, 4}, 1)),
            steps_of(order_config("random", Grid{4, 4}, 2)));
}

TEST(RandomOrder, IsFisherYatesOverSplitmix64) {  // computed by hand-written Python
  EXPECT_EQ(steps_of(order_config("random", Grid{2, 3}, 7), 3), (Steps{{4, 0, 5},  //
                                                                       {1, 3, 2}}));
}

TEST(RandomOrder, PutsEveryPatchFirstEquallyOftenUnderAPenalty) {
  const torch::Tensor first = orders_of(penalised(Grid{2, 2}, 1.0), 4000).select(1, 0);
  for (int64_t p = 0; p < 4; ++p) EXPECT_NEAR((first == p).sum().item<int64_t>(), 1000, 5 * 27.4);
}

TEST(RandomOrder, TakesAFarPatchExpMinusLambdaDistanceTimesAsOften) {
  // λ = ln 2: after position 0 of three in a row, 1 has weight 1/2 and 2 has 1/4.
  const Share share = share_of_second(penalised(Grid{1, 3}, std::log(2.0)), 1);
  EXPECT_NEAR(share.value, 2.0 / 3, share.tolerance);
}

TEST(RandomOrder, MeasuresThePenaltyInTheDistanceAskedFor) {
  // λ = ln 2 on 2x2: two neighbours of weight 1/2 and the diagonal patch, 3.
  const Share manhattan =
      share_of_second(penalised(Grid{2, 2}, std::log(2.0), Distance::kManhattan), 3);
  EXPECT_NEAR(manhattan.value, 1.0 / 5, manhattan.tolerance);  // weight 1/4
  const Share chebyshev =
      share_of_second(penalised(Grid{2, 2}, std::log(2.0), Distance::kChebyshev), 3);
  EXPECT_NEAR(chebyshev.value, 1.0 / 3, chebyshev.tolerance);  // weight 1/2
}

TEST(RandomOrder, ALargePenaltyTakesTheNearestOpenPatch) {  // exp(-1e6) is 0: none may vanish
  const Grid grid{5, 4};
  const torch::Tensor orders = orders_of(penalised(grid, 1e6), 50);
  const torch::Tensor distance = distance_table(grid, Distance::kEuclidean);
  for (int64_t b = 0; b < orders.size(0); ++b) {
    for (int64_t t = 1; t < grid.size(); ++t) {
      const torch::Tensor from_last = distance[orders[b][t - 1]];
      const torch::Tensor open = orders[b].slice(0, t);
      EXPECT_EQ(from_last[orders[b][t]].item<double>(),
                from_last.index_select(0, open).min().item<double>());
    }
  }
}

TEST(RandomOrder, IsTheSameInAnyBatchUnderAPenalty) {
  const auto policy = make_order(penalised(Grid{6, 5}, 0.7));
  EXPECT_TRUE(policy->position_at(at::arange(64))
                  .slice(0, 40, 43)
                  .equal(policy->position_at(at::arange(40, 43))));
}

TEST(RandomOrder, AVanishingPenaltyIsNoPenaltyAtAll) {
  EXPECT_EQ(steps_of(penalised(Grid{4, 4}, 0.0)), steps_of("random", Grid{4, 4}));
  const Share share = share_of_second(penalised(Grid{1, 3}, 1e-12), 1);
  EXPECT_NEAR(share.value, 1.0 / 2, share.tolerance);
}

}  // namespace
}  // namespace oar
