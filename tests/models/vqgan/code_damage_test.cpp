// Codes that are merged or drawn anew on purpose.
#include "models/vqgan/code_damage.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace oar {
namespace {

std::vector<int64_t> list_of(const torch::Tensor& codes) {
  return {codes.const_data_ptr<int64_t>(), codes.const_data_ptr<int64_t>() + codes.numel()};
}

/// Points on a line at 0, 1, 2, 100, 101, 102, 200, 201, 202.
torch::Tensor three_groups() {
  const torch::Tensor x =
      at::tensor({0., 1., 2., 100., 101., 102., 200., 201., 202.}).to(torch::kFloat);
  return at::stack({x, at::zeros({9})}, 1);
}

TEST(MergedCodes, EveryCodeGoesToTheNearestOfThoseThatAreLeft) {
  const torch::Tensor all = at::arange(9, torch::kLong);
  const torch::Tensor codebook = three_groups();
  const auto x = [&](int64_t code) { return codebook[code][0].item<double>(); };
  for (int64_t seed = 0; seed < 5; ++seed) {
    const std::vector<int64_t> stands_for = list_of(merged_codes(codebook, all, 3, seed));
    const std::set<int64_t> left(stands_for.begin(), stands_for.end());
    EXPECT_LE(left.size(), 3u);
    for (int64_t code = 0; code < 9; ++code) {
      const double distance = std::abs(x(code) - x(stands_for[static_cast<size_t>(code)]));
      for (const int64_t other : left) EXPECT_LE(distance, std::abs(x(code) - x(other)));
    }
  }
  EXPECT_EQ(list_of(merged_codes(codebook, all, 9, 0)), list_of(all));
  EXPECT_EQ(list_of(merged_codes(codebook, all, 100, 0)), list_of(all));
}

TEST(MergedCodes, CodesInUseDecideWhichAreLeft) {
  // Codes 3, 4 and 5 alone occur, 4 the most: with one left it is 4, though 0 to 8 have their
  // middle there too; with codes 0 and 1 in use it lies among those.
  const torch::Tensor some = at::tensor({3, 4, 4, 4, 5}, torch::kLong);
  EXPECT_EQ(list_of(merged_codes(three_groups(), some, 1, 0)), std::vector<int64_t>(9, 4));
  const torch::Tensor low = at::tensor({0, 1, 1, 1}, torch::kLong);
  EXPECT_EQ(list_of(merged_codes(three_groups(), low, 1, 0)), std::vector<int64_t>(9, 1));
}

TEST(NoisyCodes, TheGivenShareIsDrawnFromAllCodesAlike) {
  const torch::Tensor codes = at::full({200, 100}, 3, torch::kLong);
  const torch::Tensor noisy = noisy_codes(codes, 10, 0.3, 7);
  // One in ten of those drawn anew is the same code again: 20,000 * 0.27, standard deviation 63.
  EXPECT_NEAR(static_cast<double>(noisy.ne(codes).sum().item<int64_t>()), 5400, 4 * 63);
  for (int64_t code = 0; code < 10; ++code) {
    if (code == 3) continue;
    EXPECT_NEAR(static_cast<double>(noisy.eq(code).sum().item<int64_t>()), 600, 4 * 25);
  }
  EXPECT_TRUE(noisy_codes(codes, 10, 0.0, 7).equal(codes));
  EXPECT_FALSE(noisy_codes(codes, 10, 0.3, 8).equal(noisy));
}

TEST(NoisyCodes, AnImageIsDamagedAlikeInEveryDataSet) {
  const torch::Tensor codes = at::arange(60, torch::kLong).view({3, 20});
  const torch::Tensor more = at::cat({codes, codes});
  EXPECT_TRUE(noisy_codes(more, 60, 0.5, 1).slice(0, 0, 3).equal(noisy_codes(codes, 60, 0.5, 1)));
  EXPECT_TRUE(codes.equal(at::arange(60, torch::kLong).view({3, 20})));  // the input is left alone
}

}  // namespace
}  // namespace oar
