#include "models/any_order/row_kernels.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gtest/gtest.h>

namespace oar {
namespace {

// The expected values are libtorch's own; widths that are no multiple of a vector are among them.
void expect_close(const torch::Tensor& found, const torch::Tensor& expected, double tolerance) {
  EXPECT_LT((found - expected).abs().max().item<double>(), tolerance);
}

TEST(RowKernels, LayerNormAddsTheBiasFirst) {
  torch::manual_seed(1);
  for (const int64_t width : {1, 7, 64, 100}) {
    const torch::Tensor x = torch::randn({9, width}) * 3, bias = torch::randn({width});
    const torch::Tensor gamma = torch::randn({width}), beta = torch::randn({width});
    torch::Tensor changed = x.clone(), y = torch::empty_like(x);
    add_bias_layer_norm(changed, bias, gamma, beta, y);
    expect_close(changed, x + bias, 1e-6);
    expect_close(y, at::layer_norm(x + bias, {width}, gamma, beta), 1e-5);
  }
}

TEST(RowKernels, GeluIsTheTanhForm) {
  torch::Tensor x = torch::linspace(-30, 30, 4001).view({1, -1}).clone();
  const torch::Tensor expected = at::gelu(x + 0.25, "tanh");
  add_bias_gelu(x, torch::full({4001}, 0.25));
  expect_close(x, expected, 2e-6);  // of values up to 30
}

struct Heads {
  torch::Tensor query, keys, values, own_keys, own_values;
};
Heads random_heads(int64_t rows, int64_t prefix) {
  torch::manual_seed(2);
  const auto make = [](int64_t count) { return torch::randn({2, 3, count, 8}); };
  return {make(rows), make(prefix), make(prefix), make(rows), make(rows)};
}

TEST(RowKernels, OneQueryAttendsToAllKeys) {
  const Heads h = random_heads(1, 37);
  torch::Tensor out = torch::empty({2, 24});
  attend_one(h.query, h.keys, h.values, out);
  expect_close(
      out,
      at::scaled_dot_product_attention(h.query, h.keys, h.values).transpose(1, 2).reshape({2, 24}),
      1e-5);
}

TEST(RowKernels, FoldingInOneselfIsAttentionOverOneMoreKey) {
  for (const int64_t prefix : {0, 1, 600}) {
    const int64_t rows = 5;
    const Heads h = random_heads(rows, prefix);
    torch::Tensor out = torch::empty({2 * rows, 24});
    attend_to_prefix_and_self(h.query, h.keys, h.values, h.own_keys, h.own_values, out);
    for (int64_t j = 0; j < rows; ++j) {
      const torch::Tensor keys = at::cat({h.keys, h.own_keys.narrow(2, j, 1)}, 2);
      const torch::Tensor values = at::cat({h.values, h.own_values.narrow(2, j, 1)}, 2);
      const torch::Tensor expected =
          at::scaled_dot_product_attention(h.query.narrow(2, j, 1), keys, values);
      expect_close(out.view({2, rows, 24}).select(1, j), expected.reshape({2, 24}), 1e-5);
    }
  }
}

TEST(RowKernels, SplittingTurnsQueriesByTheNextPositionAndKeysByTheirOwn) {
  torch::manual_seed(3);
  const Grid grid{3, 4};
  const RotaryTable rotary(grid, 8);
  const torch::Tensor qkv = torch::randn({2, 5, 72}), bias = torch::randn({72});
  const torch::Tensor query = torch::randint(13, {2, 5}, torch::kInt64);
  const torch::Tensor key = torch::randint(13, {2, 5}, torch::kInt64);
  const torch::Tensor packed = (qkv + bias).view({2, 5, 3, 3, 8}).permute({2, 0, 3, 1, 4});
  torch::Tensor changed = qkv.clone();
  const torch::Tensor cache = torch::zeros({2, 2, 3, 9, 8});  // keys land in slots 3 .. 7 of nine
  split_heads(changed, bias, &rotary, query, key, cache[0].narrow(2, 3, 5),
              cache[1].narrow(2, 3, 5));
  expect_close(changed.view({2, 5, 3, 3, 8}).select(2, 0).transpose(1, 2),
               rotary.turn(packed[0], query), 1e-6);
  expect_close(cache[0].narrow(2, 3, 5), rotary.turn(packed[1], key), 1e-6);
  expect_close(cache[1].narrow(2, 3, 5), packed[2], 1e-6);
  EXPECT_EQ(cache[0].narrow(2, 0, 3).abs().max().item<float>(), 0.f);
}

void expect_committed(torch::Device device, torch::ScalarType type) {
  torch::manual_seed(4);
  const auto options = torch::TensorOptions(device).dtype(type);
  const torch::Tensor rows = torch::randn({3, 2, 4, 5, 7, 8}, options);
  const torch::Tensor choice = torch::tensor({6, 0, 3, 3}).to(device);
  const torch::Tensor whole = torch::zeros({4, 2, 4, 5, 9, 8}, options);  // a layer more, in front
  commit_rows(rows, choice, 2, whole.narrow(0, 1, 3));
  for (int64_t g = 0; g < 4; ++g) {
    EXPECT_TRUE(whole.narrow(0, 1, 3).select(2, g).select(3, 2).equal(
        rows.select(2, g).select(3, choice[g].item<int64_t>())));
  }
  EXPECT_EQ(whole.count_nonzero().item<int64_t>(), 3 * 2 * 4 * 5 * 8);  // nothing else is touched
}

TEST(RowKernels, CommitCopiesTheChosenRowOfEveryLayerAndHead) {
  expect_committed(torch::kCPU, torch::kFloat32);
}

TEST(RowKernels, CommitOnAGpuDoesTheSame) {
  if (!torch::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  expect_committed(torch::kCUDA, torch::kFloat32);
  expect_committed(torch::kCUDA, torch::kBFloat16);
}

}  // namespace
}  // namespace oar
