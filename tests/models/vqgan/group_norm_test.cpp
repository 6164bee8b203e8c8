#include "models/vqgan/group_norm.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

namespace oar {
namespace {

torch::Tensor draw(const std::vector<int64_t>& shape, int64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), torch::kDouble);
}

using Norm = torch::Tensor(const torch::Tensor& x, int64_t groups, const torch::Tensor& weight,
                           const torch::Tensor& bias, double eps);

// y, dx, dweight, dbias of sum(y * pull), in the element type and memory layout of x.
std::vector<torch::Tensor> all_of(Norm* norm, torch::Tensor x, torch::Tensor weight,
                                  torch::Tensor bias, const torch::Tensor& pull) {
  for (torch::Tensor* t : {&x, &weight, &bias}) t->requires_grad_(true);
  const torch::Tensor y = norm(x, 32, weight, bias, 1e-6);
  std::vector<torch::Tensor> result = torch::autograd::grad({(y * pull).sum()}, {x, weight, bias});
  result.insert(result.begin(), y.detach());
  return result;
}

// The same in double precision, where libtorch's own backward pass runs.
void expect_agreement(Norm* norm, const std::vector<int64_t>& shape) {
  const torch::Tensor x = draw(shape, 1) * 2.0 + 0.5, pull = draw(shape, 2);
  const torch::Tensor weight = draw({shape[1]}, 3), bias = draw({shape[1]}, 4);
  const auto expected = all_of(norm, x, weight, bias, pull);
  const auto last = torch::MemoryFormat::ChannelsLast;
  const auto actual = all_of(norm, x.to(torch::kFloat).contiguous(last), weight.to(torch::kFloat),
                             bias.to(torch::kFloat), pull.to(torch::kFloat).contiguous(last));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double scale = expected[i].abs().max().item<double>();
    const double error = (expected[i] - actual[i]).abs().max().item<double>();
    EXPECT_LT(error, 1e-5 * scale) << "tensor " << i;  // float's 6e-8, summed over a group's pixels
  }
}

TEST(GroupNorm, ChannelsLastGradientsAreThoseOfDoublePrecision) {
  expect_agreement(fast_group_norm, {3, 64, 20, 24});
}

TEST(GroupNorm, OneChannelAGroupAndMorePixelsThanAStrip) {
  expect_agreement(fast_group_norm, {2, 32, 33, 17});
}

TEST(GroupNorm, ASinglePixel) { expect_agreement(fast_group_norm, {2, 128, 1, 1}); }

TEST(NormSwish, ItsGradientsAreThoseOfDoublePrecision) {
  expect_agreement(fast_norm_swish, {3, 64, 20, 24});
  expect_agreement(fast_norm_swish, {2, 32, 33, 17});
  expect_agreement(fast_norm_swish, {2, 128, 1, 1});
}

TEST(NormSwish, IsZeroWithoutSlopeFarBelowZeroAndLinearFarAboveIt) {
  const torch::Tensor
      x = draw({1, 32, 8, 8}, 1).to(torch::kFloat).contiguous(torch::MemoryFormat::ChannelsLast),
      one = at::ones({32});
  for (const float bias : {-300.0F, 300.0F}) {
    const auto found = all_of(fast_norm_swish, x, one.clone(), one * bias, at::ones_like(x));
    for (const torch::Tensor& tensor : found) EXPECT_TRUE(tensor.isfinite().all().item<bool>());
    EXPECT_NEAR(found[0].mean().item<double>(), bias > 0 ? bias : 0.0, 1e-3);
    EXPECT_NEAR(found[3].mean().item<double>(), bias > 0 ? 64.0 : 0.0, 1e-4);  // pixels
  }
}

TEST(NormSwish, WithoutAGradientItIsLibtorchs) {
  const torch::Tensor x =
      draw({2, 32, 5, 5}, 1).to(torch::kFloat).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor weight = draw({32}, 2).to(torch::kFloat),
                      bias = draw({32}, 3).to(torch::kFloat);
  EXPECT_TRUE(fast_norm_swish(x, 32, weight, bias, 1e-6)
                  .equal(at::silu(at::group_norm(x, 32, weight, bias, 1e-6))));
}

TEST(GroupNorm, ContiguousImagesTakeLibtorchsWay) {
  const torch::Tensor x = draw({2, 32, 5, 5}, 1).to(torch::kFloat);
  const torch::Tensor weight = draw({32}, 2).to(torch::kFloat),
                      bias = draw({32}, 3).to(torch::kFloat);
  EXPECT_TRUE(
      fast_group_norm(x, 32, weight, bias, 1e-6).equal(at::group_norm(x, 32, weight, bias, 1e-6)));
}

}  // namespace
}  // namespace oar
