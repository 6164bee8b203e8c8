#include "models/vqgan/losses.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

// One pixel, two channels.
torch::Tensor pixel(float a, float b) { return at::tensor({a, b}).view({1, 2, 1, 1}); }

TEST(PerceptualDistance, LooksAtTheDirectionOfAPixelsFeatures) {
  EXPECT_NEAR(perceptual_distance({pixel(1, 0)}, {pixel(5, 0)}).item<double>(), 0.0, 1e-6);
  EXPECT_NEAR(perceptual_distance({pixel(1, 0)}, {pixel(0, 3)}).item<double>(), 2.0, 1e-6);
  EXPECT_NEAR(perceptual_distance({pixel(1, 0)}, {pixel(-2, 0)}).item<double>(), 4.0, 1e-6);
}

TEST(PerceptualDistance, AveragesStages) {
  const double both =
      perceptual_distance({pixel(1, 0), pixel(1, 0)}, {pixel(1, 0), pixel(0, 1)}).item<double>();
  EXPECT_NEAR(both, 1.0, 1e-6);
}

TEST(PerceptualDistance, FeaturesThatAreAllZeroDoNotMakeNaN) {
  torch::Tensor zero = at::zeros({1, 2, 1, 1}).requires_grad_(true);
  perceptual_distance({pixel(0, 0)}, {zero}).backward();
  EXPECT_TRUE(zero.grad().isfinite().all().item<bool>());
}

TEST(CodebookLoss, BetaIsOnTheCommitmentTermUnlessLegacy) {
  torch::Tensor z = at::tensor({1.0f, 3.0f}).requires_grad_(true);
  torch::Tensor code =
      at::tensor({0.0f, 1.0f}).requires_grad_(true);  // squared differences 1 and 4: mean 2.5
  const torch::Tensor loss = codebook_loss(z, code, 0.25, /*legacy_beta=*/false);
  EXPECT_EQ(loss.item<double>(), 2.5 * 1.25);
  loss.backward();
  EXPECT_TRUE(code.grad().equal(at::tensor({-1.0f, -2.0f})));
  EXPECT_TRUE(z.grad().equal(at::tensor({0.25f, 0.5f})));
  z.mutable_grad().reset();
  code.mutable_grad().reset();
  codebook_loss(z, code, 0.25, /*legacy_beta=*/true).backward();
  EXPECT_TRUE(code.grad().equal(at::tensor({-0.25f, -0.5f})));
  EXPECT_TRUE(z.grad().equal(at::tensor({1.0f, 2.0f})));
}

TEST(AdaptiveWeight, IsTheRatioOfTheGradientNormsAtTheLastLayer) {
  torch::Tensor last = at::tensor({0.0f, 0.0f}).requires_grad_(true);
  const torch::Tensor nll = (last * at::tensor({3.0f, 4.0f})).sum();  // gradient of length 5
  const torch::Tensor generator = 2.0 * last[0];                      // of length 2
  EXPECT_NEAR(adaptive_weight(nll, generator, last).item<double>(), 5.0 / (2.0 + 1e-4), 1e-5);
  EXPECT_NEAR(adaptive_weight(nll, 0.0 * last[0], last).item<double>(), 1e4,
              1e-2);  // 5 / 1e-4 is above the bound
}

}  // namespace
}  // namespace oar
