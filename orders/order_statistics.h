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

/// Half of the longest jump that the grid has room for, from corner to corner; a jump over it is a
/// long one. Units  patches.
double half_longest_jump(const Grid& grid);

/// The length of every jump: float64 [B, N-1] for position_at int64 [B, N]. Units  patches.
torch::Tensor jumps_of(const torch::Tensor& position_at, const Grid& grid);

/// What the order of each image looks like. Shapes  float64 [B] each.
struct OrderNumbers {
  torch::Tensor mean_jump;        ///< mean inter-patch distance over steps t >= 1; patches
  torch::Tensor neighbour_share;  ///< share of steps t >= 1 to one of the four direct neighbours
  torch::Tensor touch_share;      ///< share of steps t >= 1 to a direct neighbour of a filled patch
  torch::Tensor long_jump_share;  ///< share of jumps over half_longest_jump()
  torch::Tensor mean_blobs;       ///< connected blobs of filled patches, mean over the steps
  torch::Tensor centre_to_border;  ///< Spearman's ρ of step and distance to the grid's centre
  torch::Tensor raster_tau, raster_rho;  ///< Kendall's τ and Spearman's ρ to raster
  torch::Tensor nats;                    ///< -Σ log-likelihood; not defined where it is not known
};

/// What a set of orders looks like. What the set leaves open (a mean over jumps on a grid of one
/// patch, a comparison of one order with others) is NaN. Spreads are population standard
/// deviations.
struct OrderStatistics {
  Grid grid;
  int64_t num_orders = 0;
  OrderNumbers each;

  double mean_inter_patch_distance = 0;    ///< over steps t >= 1 of all orders; patches
  double stddev_inter_patch_distance = 0;  ///< of the per-order means; patches
  std::vector<double> histogram_edges;    ///< patches; bins [edge i, edge i+1), the last one closed
  std::vector<int64_t> histogram_counts;  ///< jumps per bin
  double neighbour_share = 0, touch_share = 0, long_jump_share = 0;  ///< means of `each`
  double mean_blobs = 0;
  torch::Tensor blobs;           ///< float64 [N], mean number of blobs after each step
  torch::Tensor mean_step_of;    ///< float64 [rows, cols], mean step of each cell, 0-based
  torch::Tensor stddev_step_of;  ///< float64 [rows, cols], its spread between the orders
  double centre_to_border = 0;
  double raster_tau = 0, stddev_raster_tau = 0, raster_rho = 0, stddev_raster_rho = 0;
  double between_tau = 0, between_rho = 0;  ///< mean over all pairs of orders
  int64_t orders_compared = 0;              ///< how many of them; see mean_correlation()
  double first_position_entropy = 0;        ///< of the observed first patches; nats, at most ln N
  torch::Tensor log_likelihood;             ///< float64 [N], mean of each step; nats
  double nats_per_image = 0;                ///< NaN where no log-likelihood is known
};

/// The statistics of each order, and of all together.
///
/// Distances are Euclidean, between patch centres. Blobs and neighbours are those of the four
/// sides. `centre_to_border` ranks cells by their distance to the centre, cells at one distance
/// sharing their mean rank; an order that goes outwards by distance has √(1 - Σ(k³ - k) / (N³ - N))
/// over the k cells of each distance, raster and random have 0; NaN where all cells are as far.
///
/// Shapes  position_at int64 [B, N]; log_likelihood float [B, N] by step, or not defined.
/// Errors  std::invalid_argument if N is not the grid's, B is 0, a row is not a permutation or a
///         log-likelihood is not finite.
/// Source  arXiv 2504.17069v1, mean distance between successive patches (5.78 to 4.34).
OrderStatistics order_statistics(const torch::Tensor& position_at, const Grid& grid,
                                 const torch::Tensor& log_likelihood = {});

}  // namespace oar
