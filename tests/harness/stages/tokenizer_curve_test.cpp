#include "harness/stages/tokenizer_curve.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

using nlohmann::json;

// 400 steps: a point every fourth.
TrainerOptions options() {
  return {.images_seen = 3200, .batch_size = 8, .perceptual_weight = 0, .dead_after = 5};
}

VqganLosses step_with(std::initializer_list<int64_t> codes, int64_t restarted = 0) {
  VqganLosses losses;
  losses.total = 0.5;
  losses.reconstruction = 0.25;
  losses.codebook = 0.125;
  losses.codes = at::tensor(codes, torch::kLong);
  losses.codes_restarted = restarted;
  return losses;
}

void expect_point(const json& point, const std::vector<double>& expected) {
  ASSERT_EQ(point.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(point[i].get<double>(), expected[i], 1e-9) << i;
  }
}

TEST(TokenizerCurve, CountsCodesOverAllBatchesSinceThePointBefore) {
  TokenizerCurve curve(options(), 8);
  EXPECT_EQ(curve.columns(),
            (std::vector<std::string>{"images", "loss", "reconstruction", "codebook", "codes_used",
                                      "perplexity", "codes_restarted"}));
  EXPECT_FALSE(curve.note(step_with({0, 0, 1, 1}, 3), 1));
  EXPECT_FALSE(curve.note(step_with({2, 2, 3, 3}, 1), 2));
  EXPECT_FALSE(curve.note(step_with({0, 1, 2, 3}), 3));
  EXPECT_TRUE(curve.note(step_with({0, 1, 2, 3}), 4));
  expect_point(curve.points()[0], {32, 0.5, 0.25, 0.125, 4, 4.0, 4});  // four alike
  for (int64_t step = 5; step <= 8; ++step) curve.note(step_with({6, 6, 6, 7}), step);
  // exp(3/4 ln 4/3 + 1/4 ln 4)
  expect_point(curve.points()[1],
               {64, 0.5, 0.25, 0.125, 2, std::pow(4.0 / 3, 0.75) * std::pow(4, 0.25), 0});
}

TEST(TokenizerCurve, IsNullBeforeATermBegins) {
  TrainerOptions adversarial = options();
  adversarial.discriminator_weight = 0.8;
  adversarial.dead_after = 0;
  TokenizerCurve curve(adversarial, 8);
  VqganLosses plain;
  plain.total = 1.0;
  for (int64_t step = 1; step <= 4; ++step) curve.note(plain, step);
  EXPECT_EQ(curve.points()[0],
            json({32, 1.0, 0.0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr}));
  VqganLosses losses = step_with({1});
  losses.generator = -0.5;
  losses.adaptive_weight = 2;
  losses.discriminator = 1;
  for (int64_t step = 5; step <= 8; ++step) curve.note(losses, step);
  expect_point(curve.points()[1], {64, 0.5, 0.25, 0.125, 1, 1, -0.5, 2, 1});
}

TEST(TokenizerCurve, GoesOnInTheMiddleOfAPoint) {
  TokenizerCurve straight(options(), 8), resumed(options(), 8);
  for (int64_t step = 1; step <= 6; ++step) straight.note(step_with({step % 5, 7}, 1), step);
  resumed.restore(json::parse(straight.state().dump()));
  for (int64_t step = 7; step <= 8; ++step) {
    straight.note(step_with({1, 1}), step);
    resumed.note(step_with({1, 1}), step);
  }
  EXPECT_EQ(resumed.points(), straight.points());
  EXPECT_EQ(resumed.points().size(), 2u);
}

TEST(TokenizerCurve, TakesACheckpointOfBeforeColumnsHadNames) {
  TokenizerCurve curve(options(), 8);
  curve.restore(json::parse("[[32, 0.75, 0.5]]"));
  EXPECT_EQ(curve.points()[0], json({32, 0.75, 0.5, nullptr, nullptr, nullptr, nullptr}));
}

}  // namespace
}  // namespace oar
