#pragma once

#include <torch/types.h>

#include <cstdint>

#include "orders/grid.h"

namespace oar {

/// How alike two sets of orders of the same images are. Spreads are population standard deviations
/// over the images; what one patch leaves open is NaN.
struct OrderComparison {
  int64_t num_orders = 0;
  torch::Tensor tau, rho;  ///< float64 [B], Kendall's τ and Spearman's ρ of each image
  double mean_tau = 0, stddev_tau = 0, mean_rho = 0, stddev_rho = 0;
  double equal_share = 0;      ///< share of (image, step) with the same patch in both
  double identical_share = 0;  ///< share of images whose two orders are the same throughout
  double mean_jump_a = 0, mean_jump_b = 0;  ///< mean inter-patch distance of each set; patches
};

/// Shapes  a, b int64 [B, N], position_at of the same images in the same rows.
/// Errors  std::invalid_argument if the shapes differ or do not fit the grid, B is 0 or a row is
///         not a permutation.
OrderComparison compare_orders(const torch::Tensor& a, const torch::Tensor& b, const Grid& grid);

}  // namespace oar
