#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "orders/grid.h"

namespace oar {

/// The inverse of orders: step_of[p] from position_at[t]. Shapes  int64 [B, N] -> int64 [B, N].
///
/// Errors  std::invalid_argument if a row is not a permutation of 0 .. N-1, naming the row.
torch::Tensor step_of(const torch::Tensor& position_at);

/// What a set of orders looks like.
struct OrderStatistics {
  int64_t num_orders = 0;
  double mean_inter_patch_distance = 0;    ///< over steps t >= 1 of all orders; patches
  double stddev_inter_patch_distance = 0;  ///< of the per-order means, population; patches
  std::vector<double> histogram_edges;    ///< patches; bins [edge i, edge i+1), the last one closed
  std::vector<int64_t> histogram_counts;  ///< jumps per bin
  double neighbour_share = 0;  ///< share of steps t >= 1 to one of the four direct neighbours
  torch::Tensor mean_step_of;  ///< float64 [rows, cols], mean step of each cell, 0-based
};

/// Inter-patch distance, Euclidean between patch centres, its histogram in bins one patch wide, and
/// the mean step of each cell. A grid of one patch has no jumps: both distances are 0.
///
/// Shapes  position_at int64 [B, N].
/// Errors  std::invalid_argument if N is not the grid's, B is 0 or a row is not a permutation.
/// Source  arXiv 2504.17069v1, mean distance between successive patches (5.78 to 4.34).
OrderStatistics order_statistics(const torch::Tensor& position_at, const Grid& grid);

}  // namespace oar
