// What the learned orders add to `oar`; its own tests are in oar_test.cpp, and what all of them
// promise in order_policy_test.cpp.
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <cmath>

#include "orders/confidence.h"
#include "orders/order_policy.h"
#include "tests/orders/steps_of.h"

namespace oar {
namespace {

torch::Tensor logs(const std::vector<std::vector<double>>& probabilities) {
  std::vector<torch::Tensor> rows;
  for (const auto& row : probabilities) rows.push_back(torch::tensor(row).log());
  return torch::stack(rows).to(torch::kFloat32).unsqueeze(0);  // [1, R, V]
}

/// The patch that an order takes first on a 1 x R grid whose patches have these distributions.
int64_t first_choice(const std::string& order, const torch::Tensor& log_p) {
  OrderConfig config;
  config.name = order;
  config.grid = Grid{1, log_p.size(1)};
  const auto policy = make_order(config);
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::zeros({1, log_p.size(1)}, torch::kBool);
  state.confidence = confidence_of(policy->own_confidence().value(), log_p, {});
  return policy->next(state).item<int64_t>();
}

// Entropies: ln 2 = .693, .802 and .639 nats; margins in nats: 0, ln(.7/.2) = 1.25 and ln(.8/.1).
TEST(LeastEntropy, TakesTheLeastUncertainPatch) {
  EXPECT_EQ(first_choice("least_entropy", logs({{.5, .5, 0}, {.7, .2, .1}, {.8, .1, .1}})), 2);
  // Two codes that share everything are less uncertain than one that leads three.
  EXPECT_EQ(first_choice("least_entropy", logs({{.5, .5, 0}, {.7, .2, .1}, {.6, .2, .2}})), 0);
}

TEST(LargestMargin, TakesThePatchWhoseBestCodeLeadsTheMost) {
  EXPECT_EQ(first_choice("largest_margin", logs({{.5, .5, 0}, {.7, .2, .1}, {.6, .2, .2}})), 1);
  EXPECT_EQ(first_choice("largest_margin", logs({{.45, .3, .25}, {.5, .45, .05}})), 0);
}

OrderConfig sampled(double temperature, uint64_t seed = 0) {
  OrderConfig config;
  config.name = "sampled";
  config.grid = Grid{1, 4};
  config.order_temperature = temperature;
  config.distance_penalty = 0.5;
  config.seed = seed;
  return config;
}

StepState after_the_first_patch(int64_t images) {
  StepState state;
  state.images = at::arange(images);
  state.step = 1;
  state.last = torch::zeros({images}, torch::kInt64);
  state.filled = torch::tensor({true, false, false, false}).expand({images, 4}).contiguous();
  state.confidence = torch::tensor({0.f, -1.f, -0.2f, -2.f}).expand({images, 4}).contiguous();
  return state;
}

TEST(Sampled, FollowsTheSoftmaxOfTheScore) {
  const int64_t images = 20000;
  const double temperature = 0.7;
  const torch::Tensor next = make_order(sampled(temperature))->next(after_the_first_patch(images));
  // Scores: -1 - .5, -.2 - 1, -2 - 1.5.
  const torch::Tensor expected = torch::tensor({-1.5, -1.2, -3.5}).div(temperature).softmax(0);
  for (int64_t p = 1; p < 4; ++p) {
    const double share = expected[p - 1].item<double>();
    const double five_deviations = 5 * std::sqrt(images * share * (1 - share));
    EXPECT_NEAR((next == p).sum().item<double>(), images * share, five_deviations) << p;
  }
}

TEST(Sampled, AtATemperatureNearZeroIsOar) {
  OrderConfig greedy = sampled(1);
  greedy.name = "oar";
  const StepState state = after_the_first_patch(100);
  EXPECT_TRUE(make_order(sampled(1e-4))->next(state).equal(make_order(greedy)->next(state)));
}

TEST(Sampled, ChangesWithTheSeed) {
  const StepState state = after_the_first_patch(100);
  EXPECT_FALSE(
      make_order(sampled(1, 1))->next(state).equal(make_order(sampled(1, 2))->next(state)));
}

TEST(Confidence, HasOneNameEach) {
  for (const char* name :
       {"likelihood", "max_probability", "entropy", "margin", "future_context", "location"}) {
    EXPECT_EQ(name_of(confidence_from_name(name)), name);
  }
  EXPECT_THROW(confidence_from_name("sureness"), std::invalid_argument);
}

TEST(Confidence, OfTheFutureNeedsMoreThanOnePatch) {
  EXPECT_THROW(confidence_of(Confidence::kFutureContext, logs({{.5, .5}}), {}), std::logic_error);
}

}  // namespace
}  // namespace oar
