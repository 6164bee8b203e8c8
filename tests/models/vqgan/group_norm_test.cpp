#include "models/vqgan/group_norm.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

namespace oar {
namespace {

torch::Tensor draw(const std::vector<int64_t>& shape, int64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), torch::kDouble);
}

// y, dx, dweight, dbias of sum(y * pull), in the element type and memory layout of x.
std::vector<torch::Tensor> all_of(torch::Tensor x, torch::Tensor weight, torch::Tensor bias,
                                  const torch::Tensor& pull) {
  for (torch::Tensor* t : {&x, &weight, &bias}) t->requires_grad_(true);
  const torch::Tensor y = fast_group_norm(x, 32, weight, bias, 1e-6);
  std::vector<torch::Tensor> result = torch::autograd::grad({(y * pull).sum()}, {x, weight, bias});
  result.insert(result.begin(), y.detach());
  return result;
}

// The same in double precision, where libtorch's own backward pass runs.
void expect_agreement(const std::vector<int64_t>& shape) {
  const torch::Tensor x = draw(shape, 1) * 2.0 + 0.5, pull = draw(shape, 2);
  const torch::Tensor weight = draw({shape[1]}, 3), bias = draw({shape[1]}, 4);
  const auto expected = all_of(x, weight, bias, pull);
  const auto last = torch::MemoryFormat::ChannelsLast;
  const auto actual = all_of(x.to(torch::kFloat).contiguous(last), weight.to(torch::kFloat),
                             bias.to(torch::kFloat), pull.to(torch::kFloat).contiguous(last));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double scale = expected[i].abs().max().item<double>();
    const double error = (expected[i] - actual[i]).abs().max().item<double>();
    EXPECT_LT(error, 1e-5 * scale) << "tensor " << i;  // float's 6e-8, summed over a group's pixels
  }
}

TEST(GroupNorm, ChannelsLastGradientsAreThoseOfDoublePrecision) {
  expect_agreement({3, 64, 20, 24});
}

TEST(GroupNorm, OneChannelAGroupAndMorePixelsThanAStrip) { expect_agreement({2, 32, 33, 17}); }

TEST(GroupNorm, ASinglePixel) { expect_agreement({2, 128, 1, 1}); }

TEST(GroupNorm, ContiguousImagesTakeLibtorchsWay) {
  const torch::Tensor x = draw({2, 32, 5, 5}, 1).to(torch::kFloat);
  const torch::Tensor weight = draw({32}, 2).to(torch::kFloat),
                      bias = draw({32}, 3).to(torch::kFloat);
  EXPECT_TRUE(
      fast_group_norm(x, 32, weight, bias, 1e-6).equal(at::group_norm(x, 32, weight, bias, 1e-6)));
}

}  // namespace
}  // namespace oar
