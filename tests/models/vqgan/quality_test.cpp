#include "models/vqgan/quality.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace oar {
namespace {

torch::Tensor grey(int64_t value) { return at::full({1, 3, 4, 4}, value, torch::kByte); }

TEST(Psnr, AConstantDifferenceOfTenIs28Point13Decibel) {
  EXPECT_NEAR(psnr(grey(100), grey(110)).item<double>(), 20 * std::log10(255.0 / 10), 1e-12);
  EXPECT_NEAR(psnr(grey(110), grey(100)).item<double>(), 28.1308,
              1e-4);  // bytes do not wrap around
}

TEST(Psnr, BlackAgainstWhiteIsZeroDecibel) {
  EXPECT_EQ(psnr(grey(0), grey(255)).item<double>(), 0.0);
}

TEST(Psnr, EqualImagesAreInfinite) {
  EXPECT_EQ(psnr(grey(7), grey(7)).item<double>(), std::numeric_limits<double>::infinity());
}

TEST(Psnr, EachImageHasItsOwn) {
  const torch::Tensor images = at::zeros({2, 3, 2, 2}, torch::kByte);
  torch::Tensor other = images.clone();
  other[0].fill_(1);
  other[1][0][0][0] = 255;  // one of twelve values
  const torch::Tensor result = psnr(images, other);
  EXPECT_NEAR(result[0].item<double>(), 20 * std::log10(255.0), 1e-12);
  EXPECT_NEAR(result[1].item<double>(), 10 * std::log10(12.0), 1e-12);
}

TEST(Psnr, OtherTypesAndShapesAreRefused) {
  EXPECT_THROW(psnr(grey(1), grey(1).to(torch::kFloat)), std::invalid_argument);
  EXPECT_THROW(psnr(grey(1), at::zeros({1, 3, 4, 5}, torch::kByte)), std::invalid_argument);
  EXPECT_THROW(psnr(at::zeros({0, 3, 4, 4}, torch::kByte), at::zeros({0, 3, 4, 4}, torch::kByte)),
               std::invalid_argument);
}

TEST(CodebookUsage, EquallyFrequentCodesHaveTheirNumberAsPerplexity) {
  const CodebookUsage usage = codebook_usage(at::arange(8).repeat({5}), 16);
  EXPECT_EQ(usage.used, 8);
  EXPECT_EQ(usage.dead, 8);
  EXPECT_EQ(usage.share_used, 0.5);
  EXPECT_NEAR(usage.perplexity, 8.0, 1e-12);
}

TEST(CodebookUsage, ASingleCodeHasPerplexityOne) {
  EXPECT_NEAR(codebook_usage(at::full({3, 4}, 2, torch::kLong), 4).perplexity, 1.0, 1e-12);
}

TEST(CodebookUsage, ThreeToOneHasTheEntropyOfABiasedCoin) {
  const CodebookUsage usage = codebook_usage(at::tensor({1, 1, 1, 0}, torch::kShort), 2);
  EXPECT_NEAR(usage.perplexity, std::exp(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)), 1e-12);
}

TEST(CodebookUsage, NoCodesOrCodesOutsideTheCodebookAreRefused) {
  EXPECT_THROW(codebook_usage(at::zeros({0}, torch::kLong), 4), std::invalid_argument);
  EXPECT_THROW(codebook_usage(at::tensor({4}, torch::kLong), 4), std::invalid_argument);
  EXPECT_THROW(codebook_usage(at::tensor({-1}, torch::kLong), 4), std::invalid_argument);
}

}  // namespace
}  // namespace oar
