#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

// How alike two orders are: rank correlations of the steps that they give to the patches. 1: the
// same order, -1: one is the other backwards, 0: what unrelated orders have on average.

/// Kendall's τ of the orders in the same row: 1 - 4 D / (N (N - 1)), where D counts the pairs of
/// patches that one order places the other way round than the other. O(N log N) an image.
///
/// Shapes  a int64 [B, N] and b int64 [B, N] or [1, N] (one order for all), both position_at;
///         result float64 [B], NaN where N = 1.
/// Errors  std::invalid_argument if a row is not a permutation, or the shapes differ.
/// Source  Kendall, "A new measure of rank correlation", Biometrika 30, 1938.
torch::Tensor kendall_tau(const torch::Tensor& a, const torch::Tensor& b);

/// Spearman's ρ of the orders in the same row: 1 - 6 Σ d² / (N (N² - 1)), where d is the difference
/// of the two steps of a patch. Shapes and errors as kendall_tau().
torch::Tensor spearman_rho(const torch::Tensor& a, const torch::Tensor& b);

/// τ and ρ of all pairs of a set of orders, on average.
struct MeanCorrelation {
  int64_t orders = 0;  ///< how many were compared, each with each
  double tau = 0;      ///< NaN with fewer than two orders or one patch
  double rho = 0;      ///< the same
};

/// Comparisons that mean_correlation() makes at most: a few seconds of one core.
inline constexpr int64_t kMaxComparisons = int64_t{1} << 32;

/// The exact means over all pairs of orders, without going through the pairs: with n(p, q) of the B
/// orders placing p before q, τ sums to Σ ((2 n(p, q) - B)² - B) over the pairs of patches, and ρ
/// follows from the mean step of each patch.
///
/// That takes B N² / 2 comparisons. Beyond `max_comparisons` evenly spaced orders stand for all;
/// `orders` says how many.
///
/// Shapes  position_at int64 [B, N].
/// Errors  std::invalid_argument if a row is not a permutation.
MeanCorrelation mean_correlation(const torch::Tensor& position_at,
                                 int64_t max_comparisons = kMaxComparisons);

}  // namespace oar
