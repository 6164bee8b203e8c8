#include "metrics/kid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "metrics/feature_checks.h"
#include "metrics/numpy_random.h"

namespace oar {
namespace {

constexpr int64_t kRows = 2048;  // rows of a kernel matrix held at a time

torch::Tensor kernel(const torch::Tensor& x, const torch::Tensor& y) {
  return (x.matmul(y.t()) / static_cast<double>(x.size(1)) + 1).pow_(3);
}

// Which images each subset holds: int64 [subsets, m].
struct Subsets {
  torch::Tensor generated, real;
};

Subsets draw(int64_t num_generated, int64_t num_real, int64_t subsets, int64_t size, int64_t seed) {
  RandomState random(static_cast<uint32_t>(seed));
  std::vector<torch::Tensor> generated, real;
  for (int64_t i = 0; i < subsets; ++i) {
    generated.push_back(
        torch::tensor(random.choice_without_replacement(num_generated, size), torch::kInt64));
    real.push_back(torch::tensor(random.choice_without_replacement(num_real, size), torch::kInt64));
  }
  return {torch::stack(generated), torch::stack(real)};
}

// Sum of kernel(x_i, y_j) over the images of each subset, float64 [subsets]. Every subset's kernel
// matrix on its own.
torch::Tensor sums_one_by_one(const torch::Tensor& x, const torch::Tensor& in_x,
                              const torch::Tensor& y, const torch::Tensor& in_y) {
  torch::Tensor sums = torch::zeros({in_x.size(0)}, torch::kFloat64);
  for (int64_t i = 0; i < in_x.size(0); ++i) {
    const torch::Tensor columns = y.index_select(0, in_y[i]);
    for (const torch::Tensor& rows : in_x[i].split(kRows)) {
      sums[i] += kernel(x.index_select(0, rows), columns).sum();
    }
  }
  return sums;
}

// The same sums from one kernel matrix over all images: with 0/1 rows s, t for the images of a
// subset they are s K tᵀ.
torch::Tensor sums_at_once(const torch::Tensor& x, const torch::Tensor& in_x,
                           const torch::Tensor& y, const torch::Tensor& in_y) {
  const auto members = [](const torch::Tensor& subsets, int64_t images) {
    return torch::zeros({subsets.size(0), images}, torch::kFloat64).scatter_(1, subsets, 1.0);
  };
  const torch::Tensor s = members(in_x, x.size(0)), t = members(in_y, y.size(0)).t();
  torch::Tensor sums = torch::zeros({in_x.size(0)}, torch::kFloat64);
  for (int64_t first = 0; first < x.size(0); first += kRows) {
    const int64_t end = std::min(first + kRows, x.size(0));
    const torch::Tensor to_columns = kernel(x.slice(0, first, end), y).matmul(t);
    sums += (s.slice(1, first, end) * to_columns.t()).sum(1);
  }
  return sums;
}

// Products of images: all pairs once against a matrix per subset.
torch::Tensor kernel_sums(const torch::Tensor& x, const torch::Tensor& in_x, const torch::Tensor& y,
                          const torch::Tensor& in_y) {
  const double subsets = static_cast<double>(in_x.size(0)),
               size = static_cast<double>(in_x.size(1));
  const double dim = static_cast<double>(x.size(1));
  const double pairs = static_cast<double>(x.size(0)) * static_cast<double>(y.size(0));
  const bool at_once = pairs * (dim + subsets) < subsets * size * size * dim;
  return at_once ? sums_at_once(x, in_x, y, in_y) : sums_one_by_one(x, in_x, y, in_y);
}

// Sum of kernel(x_i, x_i) over the images of each subset.
torch::Tensor diagonal_sums(const torch::Tensor& x, const torch::Tensor& in_x) {
  const torch::Tensor diagonal = (x.square().sum(1) / static_cast<double>(x.size(1)) + 1).pow(3);
  return diagonal.index({in_x}).sum(1);
}

void check_subset_size(int64_t size, int64_t images, const char* side) {
  if (size <= images) return;
  throw std::invalid_argument(fmt::format(
      "KID: kid_subset_size = {} is more than the {} {} images; set it to at most {} or use "
      "more images",
      size, images, side, images));
}

}  // namespace

Kid kid(const torch::Tensor& real, const torch::Tensor& generated, int64_t subsets,
        int64_t subset_size, int64_t seed) {
  if (subsets < 1) {
    throw std::invalid_argument(fmt::format("KID: kid_subsets must be >= 1, got {}", subsets));
  }
  if (subset_size < 2) {
    throw std::invalid_argument(fmt::format(
        "KID: kid_subset_size must be >= 2 (it divides by m - 1), got {}", subset_size));
  }
  if (seed < 0 || seed > int64_t{UINT32_MAX}) {
    throw std::invalid_argument(
        fmt::format("KID: the seed must be in 0 .. 4294967295 (numpy's range), got {}", seed));
  }
  const torch::Tensor x = checked_features(generated, 2, "KID", "generated");
  const torch::Tensor y = checked_features(real, 2, "KID", "real");
  check_same_dim(y.size(1), x.size(1), "KID");
  check_subset_size(subset_size, x.size(0), "generated");
  check_subset_size(subset_size, y.size(0), "real");
  const Subsets in = draw(x.size(0), y.size(0), subsets, subset_size, seed);
  const double m = static_cast<double>(subset_size);
  const torch::Tensor within = kernel_sums(x, in.generated, x, in.generated) -
                               diagonal_sums(x, in.generated) +
                               kernel_sums(y, in.real, y, in.real) - diagonal_sums(y, in.real);
  const torch::Tensor across = kernel_sums(x, in.generated, y, in.real);
  const torch::Tensor mmd = within / (m * (m - 1)) - 2 * across / (m * m);
  return {mmd.mean().item<double>(), mmd.std(/*unbiased=*/false).item<double>()};
}

}  // namespace oar
