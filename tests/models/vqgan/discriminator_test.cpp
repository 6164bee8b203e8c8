#include "models/vqgan/discriminator.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace oar {
namespace {

TEST(HingeLoss, CountsOnlyScoresOnTheWrongSideOfTheMargin) {
  const torch::Tensor real = at::tensor({2.0f, 0.5f, -1.0f});   // 0, 0.5 and 2 short of 1: mean 5/6
  const torch::Tensor fake = at::tensor({-3.0f, -0.5f, 2.0f});  // 0, 0.5 and 3 above -1: mean 7/6
  EXPECT_NEAR(hinge_loss(real, fake).item<double>(), 0.5 * (5.0 / 6 + 7.0 / 6), 1e-6);  // float
}

TEST(GeneratorLoss, IsMinusTheMeanScore) {
  EXPECT_EQ(generator_loss(at::tensor({1.0f, -4.0f, 0.0f})).item<double>(), 1.0);
}

TEST(Discriminator, ThreeLayersSeePatchesOf70PixelsAndGiveOneScoreEach) {
  Discriminator discriminator(DiscriminatorConfig{.ndf = 8, .n_layers = 3});
  EXPECT_EQ(discriminator(at::zeros({2, 3, 256, 256})).sizes(),
            (std::vector<int64_t>{2, 1, 30, 30}));
}

TEST(Discriminator, OneLayerSeesSixteenPixels) {
  Discriminator discriminator(DiscriminatorConfig{.ndf = 8, .n_layers = 1});
  discriminator->draw_weights(1);
  discriminator->eval();  // batch norm would mix pixels
  torch::Tensor image = at::zeros({1, 3, 64, 64}).requires_grad_(true);
  discriminator(image)[0][0][10][10].backward();
  const torch::Tensor rows = image.grad()[0].abs().sum(at::IntArrayRef({0, 2})).nonzero().flatten();
  EXPECT_EQ(rows[-1].item<int64_t>() - rows[0].item<int64_t>() + 1, 16);
}

TEST(Discriminator, SmallImagesGetFewerLayers) {
  EXPECT_EQ(discriminator_for(256).n_layers, 3);
  EXPECT_EQ(discriminator_for(64).n_layers, 2);
  EXPECT_EQ(discriminator_for(32).n_layers, 1);
}

TEST(Discriminator, WeightsComeFromTheSeedAlone) {
  Discriminator a(DiscriminatorConfig{.ndf = 8, .n_layers = 2}),
      b(DiscriminatorConfig{.ndf = 8, .n_layers = 2});
  a->draw_weights(3);
  b->draw_weights(3);
  const auto left = a->parameters(), right = b->parameters();
  for (size_t i = 0; i < left.size(); ++i) EXPECT_TRUE(left[i].equal(right[i])) << i;
}

TEST(Discriminator, SizesBelowOneAreRefused) {
  EXPECT_THROW(Discriminator(DiscriminatorConfig{.ndf = 0}), std::invalid_argument);
  EXPECT_THROW(Discriminator(DiscriminatorConfig{.ndf = 8, .n_layers = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace oar
