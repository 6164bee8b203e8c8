#include "metrics/kid.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "metrics/feature_checks.h"
#include "metrics/numpy_random.h"

namespace oar {
namespace {

constexpr int64_t kRows = 1024;   // images of either side held as float64 at a time
constexpr int64_t kStripe = 256;  // rows of a kernel matrix at a time

torch::Tensor in_float64(const torch::Tensor& rows) { return rows.to(torch::kFloat64); }

// Sum over `dots`, float64 [n, m], of (dot / dim + 1)³.
double cube_sum(const torch::Tensor& dots, int64_t dim) {
  const int64_t rows = dots.size(0), columns = dots.size(1);
  const torch::Tensor contiguous = dots.contiguous();
  const double* const values = contiguous.const_data_ptr<double>();
  const double scale = 1.0 / static_cast<double>(dim);
  std::vector<double> row_sums(static_cast<size_t>(rows));
  at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double* const row = values + i * columns;
      std::array<double, 8> partial{};  // side by side, where one sum would wait for itself
      const auto add = [&](int64_t j, size_t lane) {
        const double base = row[j] * scale + 1;
        partial[lane] += base * base * base;
      };
      int64_t j = 0;
      for (; j + 8 <= columns; j += 8) {
        for (size_t lane = 0; lane < 8; ++lane) add(j + static_cast<int64_t>(lane), lane);
      }
      for (; j < columns; ++j) add(j, 0);
      row_sums[static_cast<size_t>(i)] = std::accumulate(partial.begin(), partial.end(), 0.0);
    }
  });
  return std::accumulate(row_sums.begin(), row_sums.end(), 0.0);
}

// Sum of kernel(x_i, y_j) over all pairs.
double pair_sum(const torch::Tensor& x, const torch::Tensor& y) {
  return cube_sum(x.matmul(y.t()), x.size(1));
}

// Sum of kernel(x_i, x_j) over all i != j: every pair once, then doubled.
double off_diagonal_sum(const torch::Tensor& x) {
  double sum = 0;
  for (int64_t first = 0; first < x.size(0); first += kStripe) {
    const torch::Tensor rows = x.slice(0, first, first + kStripe);
    const torch::Tensor dots = rows.matmul(x.slice(0, first).t());
    const torch::Tensor square = dots.slice(1, 0, rows.size(0));
    sum += cube_sum(square, x.size(1)) - cube_sum(square.diagonal().unsqueeze(1), x.size(1));
    sum += 2 * cube_sum(dots.slice(1, rows.size(0)), x.size(1));
  }
  return sum;
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

// One side and the images that the subsets take from it.
struct Side {
  const FeatureRows& features;
  torch::Tensor subsets;  // int64 [subsets, m]

  torch::Tensor block(int64_t subset, int64_t number) const {
    return in_float64(
        features.rows(subsets[subset].slice(0, number * kRows, (number + 1) * kRows)));
  }
  int64_t blocks() const { return (subsets.size(1) + kRows - 1) / kRows; }
};

// Kernel sums of every subset, float64 [subsets]: over the ordered pairs of different images within
// a side, and over all pairs across.
struct Sums {
  torch::Tensor within, across;
};

// Every subset's kernel matrices on their own.
Sums sums_one_by_one(const Side& generated, const Side& real) {
  const int64_t subsets = generated.subsets.size(0);
  std::vector<double> within, across;
  for (int64_t subset = 0; subset < subsets; ++subset) {
    double inside = 0, between = 0;
    for (int64_t i = 0; i < generated.blocks(); ++i) {
      const torch::Tensor x = generated.block(subset, i), y = real.block(subset, i);
      inside += off_diagonal_sum(x) + off_diagonal_sum(y);
      between += pair_sum(x, y);
      for (int64_t j = i + 1; j < generated.blocks(); ++j) {
        const torch::Tensor other_x = generated.block(subset, j), other_y = real.block(subset, j);
        inside += 2 * (pair_sum(x, other_x) + pair_sum(y, other_y));
        between += pair_sum(x, other_y) + pair_sum(other_x, y);
      }
    }
    within.push_back(inside);
    across.push_back(between);
  }
  return {torch::tensor(within, torch::kFloat64), torch::tensor(across, torch::kFloat64)};
}

// 0/1 rows: which images a subset holds, float64 [subsets, images].
torch::Tensor membership(const Side& side) {
  return torch::zeros({side.subsets.size(0), side.features.count()}, torch::kFloat64)
      .scatter_(1, side.subsets, 1.0);
}

// With 0/1 rows s and t for the images of a subset, the sum of its kernel over pairs is s K tᵀ: one
// kernel matrix K of all images serves all subsets. Here of one block of K, (first_x, first_y).
class AllPairs {
 public:
  AllPairs(const Side& x, const Side& y)
      : x_(x), y_(y), in_x_(membership(x)), in_y_(membership(y)) {}

  torch::Tensor across() const {
    torch::Tensor sums = torch::zeros({in_x_.size(0)}, torch::kFloat64);
    for_each_block(x_.features, kRows, [&](int64_t i, const torch::Tensor& x) {
      const torch::Tensor rows = in_float64(x);
      for_each_block(y_.features, kRows, [&](int64_t j, const torch::Tensor& y) {
        sums += block(kernel(rows, in_float64(y)), i, j);
      });
    });
    return sums;
  }

  // Where x and y are the same side: every pair of different images once, then doubled.
  torch::Tensor within() const {
    const int64_t count = x_.features.count();
    torch::Tensor sums = torch::zeros({in_x_.size(0)}, torch::kFloat64);
    for_each_block(x_.features, kRows, [&](int64_t i, const torch::Tensor& x) {
      const torch::Tensor rows = in_float64(x);
      sums += block(kernel(rows, rows).fill_diagonal_(0), i, i);
      for (int64_t j = i + kRows; j < count; j += kRows) {
        const torch::Tensor others = x_.features.rows(j, std::min(j + kRows, count));
        sums += 2 * block(kernel(rows, in_float64(others)), i, j);
      }
    });
    return sums;
  }

 private:
  static torch::Tensor kernel(const torch::Tensor& x, const torch::Tensor& y) {
    return x.matmul(y.t()).div_(static_cast<double>(x.size(1))).add_(1).pow_(3);
  }

  torch::Tensor block(const torch::Tensor& kernel, int64_t i, int64_t j) const {
    const torch::Tensor s = in_x_.slice(1, i, i + kernel.size(0));
    const torch::Tensor t = in_y_.slice(1, j, j + kernel.size(1));
    return (s * t.matmul(kernel.t())).sum(1);
  }

  const Side& x_;
  const Side& y_;
  torch::Tensor in_x_, in_y_;
};

Sums sums_at_once(const Side& generated, const Side& real) {
  return {AllPairs(generated, generated).within() + AllPairs(real, real).within(),
          AllPairs(generated, real).across()};
}

// Dot products of images: all pairs once against the pairs of every subset.
bool all_pairs_cost_less(const Side& generated, const Side& real) {
  const double subsets = static_cast<double>(generated.subsets.size(0)),
               size = static_cast<double>(generated.subsets.size(1));
  const double dim = static_cast<double>(generated.features.dim());
  const double images = static_cast<double>(generated.features.count() + real.features.count());
  return images * images * (dim + subsets) < subsets * 4 * size * size * dim;
}

void check_subset_size(int64_t size, int64_t images, const char* side) {
  if (size <= images) return;
  throw std::invalid_argument(fmt::format(
      "KID: kid_subset_size = {} is more than the {} {} images; set it to at most {} or use "
      "more images",
      size, images, side, images));
}

}  // namespace

Kid kid(const FeatureRows& real, const FeatureRows& generated, int64_t subsets, int64_t subset_size,
        int64_t seed) {
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
  check_same_dim(real.dim(), generated.dim(), "KID");
  check_subset_size(subset_size, generated.count(), "generated");
  check_subset_size(subset_size, real.count(), "real");
  check_features(generated, 2, "KID", "generated");
  check_features(real, 2, "KID", "real");
  const Subsets in = draw(generated.count(), real.count(), subsets, subset_size, seed);
  const Side x{generated, in.generated}, y{real, in.real};
  const Sums sums = all_pairs_cost_less(x, y) ? sums_at_once(x, y) : sums_one_by_one(x, y);
  const double m = static_cast<double>(subset_size);
  const torch::Tensor mmd = sums.within / (m * (m - 1)) - 2 * sums.across / (m * m);
  return {mmd.mean().item<double>(), mmd.std(/*unbiased=*/false).item<double>()};
}

}  // namespace oar
