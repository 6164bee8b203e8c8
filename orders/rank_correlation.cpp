#include "orders/rank_correlation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

#include "orders/order_statistics.h"

namespace oar {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The steps of both orders, row by row: int64 [B, N] each.
std::pair<torch::Tensor, torch::Tensor> steps_of(const torch::Tensor& a, const torch::Tensor& b) {
  torch::Tensor steps_a = step_of(a), steps_b = step_of(b);
  if (steps_a.size(1) != steps_b.size(1) ||
      (steps_b.size(0) != 1 && steps_b.size(0) != steps_a.size(0))) {
    throw std::invalid_argument(
        fmt::format("orders [{}, {}] cannot be compared with orders [{}, {}]; accepted: the same "
                    "shape, or one order for all",
                    steps_a.size(0), steps_a.size(1), steps_b.size(0), steps_b.size(1)));
  }
  return {steps_a, steps_b.expand_as(steps_a)};
}

/// Pairs of `values` that stand in descending order. Sorts it, by merging; `space` is as long.
int64_t count_inversions(std::vector<int64_t>& values, std::vector<int64_t>& space) {
  int64_t inversions = 0;
  const size_t n = values.size();
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t begin = 0; begin < n; begin += 2 * width) {
      const size_t middle = std::min(begin + width, n), end = std::min(begin + 2 * width, n);
      size_t left = begin, right = middle;
      for (size_t out = begin; out < end; ++out) {
        if (right == end || (left < middle && values[left] < values[right])) {
          space[out] = values[left++];
        } else {
          inversions += static_cast<int64_t>(middle - left);
          space[out] = values[right++];
        }
      }
    }
    values.swap(space);
  }
  return inversions;
}

/// How many of the orders place p before q, for every pair p < q; returns Σ ((2 n(p, q) - B)² - B).
/// `steps` int32 [N, B]: the comparison runs along the orders, so the compiler vectorises it.
double sum_over_patch_pairs(const torch::Tensor& steps) {
  const int64_t n = steps.size(0), b = steps.size(1);
  const int32_t* step = steps.const_data_ptr<int32_t>();
  std::vector<double> sums(n, 0.0);
  at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        int32_t before = 0;
        for (int64_t i = 0; i < b; ++i) before += step[p * b + i] < step[q * b + i];
        const double surplus = 2.0 * before - static_cast<double>(b);
        sums[p] += surplus * surplus - static_cast<double>(b);
      }
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

torch::Tensor kendall_tau(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor steps_b = steps_of(a, b).second;
  const int64_t batch = a.size(0), n = a.size(1);
  // Read in the order of a, the steps of b ascend but for one inversion for each discordant pair.
  const torch::Tensor read = steps_b.gather(1, a.cpu()).contiguous();
  const int64_t* rows = read.const_data_ptr<int64_t>();
  torch::Tensor tau = torch::empty({batch}, torch::kFloat64);
  double* result = tau.mutable_data_ptr<double>();
  at::parallel_for(0, batch, 64, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> values(n), space(n);
    for (int64_t i = begin; i < end; ++i) {
      values.assign(rows + i * n, rows + (i + 1) * n);
      const auto inversions = static_cast<double>(count_inversions(values, space));
      result[i] = n == 1 ? kNaN : 1.0 - 4.0 * inversions / (static_cast<double>(n) * (n - 1.0));
    }
  });
  return tau;
}

torch::Tensor spearman_rho(const torch::Tensor& a, const torch::Tensor& b) {
  const auto [steps_a, steps_b] = steps_of(a, b);
  const auto n = static_cast<double>(a.size(1));
  if (n == 1) return torch::full({a.size(0)}, kNaN, torch::kFloat64);
  const torch::Tensor squares = (steps_a - steps_b).square().sum(1).to(torch::kFloat64);
  return 1.0 - squares * (6.0 / (n * (n * n - 1.0)));
}

MeanCorrelation mean_correlation(const torch::Tensor& position_at, int64_t max_comparisons) {
  torch::Tensor steps = step_of(position_at);
  const int64_t n = steps.size(1), all = steps.size(0);
  MeanCorrelation mean{all, kNaN, kNaN};
  if (n < 2 || all < 2) return mean;
  mean.orders = std::clamp<int64_t>(max_comparisons / (n * (n - 1) / 2), 2, all);
  if (mean.orders < all) {
    const torch::Tensor picked = at::arange(mean.orders, torch::kInt64) * all;
    steps = steps.index_select(0, picked.floor_divide(mean.orders));
  }
  const auto b = static_cast<double>(mean.orders), m = static_cast<double>(n);
  const double order_pairs = b * (b - 1);  // ordered pairs: the sums below count both ways
  mean.tau = sum_over_patch_pairs(steps.to(torch::kInt32).t().contiguous()) /
             (order_pairs * m * (m - 1) / 2);
  // ρ is the inner product of two rows of centred steps, over their common squared norm. Summed
  // over all pairs that is the norm of the summed row, less the products of rows with themselves.
  const double norm = m * (m * m - 1) / 12;
  const torch::Tensor summed = steps.to(torch::kFloat64).sum(0) - b * (m - 1) / 2;
  mean.rho = (summed.square().sum().item<double>() / norm - b) / order_pairs;
  return mean;
}

}  // namespace oar
