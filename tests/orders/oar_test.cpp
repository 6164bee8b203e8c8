#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(OarOrder, TakesTheMostConfidentOpenPatch) {
  const auto policy = make_order(order_config("oar", Grid{1, 4}));
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::tensor({{false, true, false, false}});
  state.confidence = torch::tensor({{-3.f, -0.1f, -1.f, -2.f}});
  EXPECT_EQ(policy->next(state).item<int64_t>(), 2);
}

TEST(OarOrder, TakesLambdaTimesTheDistanceOff) {
  OrderConfig config = order_config("oar", Grid{1, 4});
  config.distance_penalty = 0.6;
  const auto policy = make_order(config);
  StepState state;
  state.images = at::arange(1);
  state.step = 1;
  state.last = torch::tensor({0});
  state.filled = torch::tensor({{true, false, false, false}});
  state.confidence = torch::tensor({{0.f, -1.f, -2.f, -0.1f}});
  // Position 3: -0.1 - 3 · 0.6 = -1.9; position 1: -1 - 0.6 = -1.6 wins.
  EXPECT_EQ(policy->next(state).item<int64_t>(), 1);
}

TEST(OarOrder, BreaksTiesByTheLowestPosition) {
  const auto policy = make_order(order_config("oar", Grid{1, 4}));
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::tensor({{true, false, false, false}});
  state.confidence = torch::full({1, 4}, -1.5f);
  EXPECT_EQ(policy->next(state).item<int64_t>(), 1);
}

}  // namespace
}  // namespace oar
