#include "orders/order_statistics.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/full.h>
#include <ATen/ops/xlogy.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "orders/rank_correlation.h"

namespace oar {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_of(const torch::Tensor& values) { return values.mean().item<double>(); }
double stddev_of(const torch::Tensor& values) {
  return values.std(/*unbiased=*/false).item<double>();
}

/// The direct neighbours of p on the grid, -1 where the border is.
std::array<int64_t, 4> neighbours_of(int64_t p, const Grid& grid) {
  const int64_t row = grid.row(p), col = grid.col(p);
  return {row > 0 ? p - grid.cols : -1, row + 1 < grid.rows ? p + grid.cols : -1,
          col > 0 ? p - 1 : -1, col + 1 < grid.cols ? p + 1 : -1};
}

/// What happens to the filled patches step by step.
struct Growth {
  torch::Tensor touches;  ///< float64 [B], steps to a direct neighbour of a filled patch
  torch::Tensor blobs;    ///< float64 [B, N], connected blobs after each step
};

/// Joins each new patch with the blobs beside it (union-find), so that an order costs about O(N).
Growth growth_of(const torch::Tensor& position_at, const Grid& grid) {
  const int64_t batch = position_at.size(0), n = grid.size();
  const torch::Tensor orders = position_at.contiguous();
  const int64_t* order = orders.const_data_ptr<int64_t>();
  Growth growth{torch::empty({batch}, torch::kFloat64), torch::empty({batch, n}, torch::kFloat64)};
  double* touches = growth.touches.mutable_data_ptr<double>();
  double* blobs = growth.blobs.mutable_data_ptr<double>();
  std::vector<std::array<int64_t, 4>> neighbours;
  for (int64_t p = 0; p < n; ++p) neighbours.push_back(neighbours_of(p, grid));
  at::parallel_for(0, batch, 64, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> parent(n);  // of a filled patch; -1: open
    const auto root_of = [&parent](int64_t p) {
      while (parent[p] != p) p = parent[p] = parent[parent[p]];
      return p;
    };
    for (int64_t i = begin; i < end; ++i) {
      std::fill(parent.begin(), parent.end(), -1);
      int64_t touched = 0, count = 0;
      for (int64_t t = 0; t < n; ++t) {
        const int64_t p = order[i * n + t];
        parent[p] = p;
        ++count;
        bool touching = false;
        for (const int64_t q : neighbours[p]) {
          if (q < 0 || parent[q] < 0) continue;
          touching = true;
          if (const int64_t root = root_of(q); root != p) {
            parent[root] = p;
            --count;
          }
        }
        touched += touching;
        blobs[i * n + t] = static_cast<double>(count);
      }
      touches[i] = static_cast<double>(touched);
    }
  });
  return growth;
}

/// Mean rank, from 0, of each cell by its distance to the grid's centre, less the mean of all
/// ranks: float64 [N]. Cells at one distance share their rank.
torch::Tensor centred_distance_ranks(const Grid& grid) {
  const int64_t n = grid.size();
  std::vector<int64_t> distance(n), cell(n);  // squared, in half patches: exact
  for (int64_t p = 0; p < n; ++p) {
    const int64_t y = 2 * grid.row(p) - (grid.rows - 1), x = 2 * grid.col(p) - (grid.cols - 1);
    distance[p] = y * y + x * x;
  }
  std::iota(cell.begin(), cell.end(), 0);
  std::sort(cell.begin(), cell.end(),
            [&](int64_t a, int64_t b) { return distance[a] < distance[b]; });
  torch::Tensor ranks = torch::empty({n}, torch::kFloat64);
  double* rank = ranks.mutable_data_ptr<double>();
  for (int64_t first = 0, end = 0; first < n; first = end) {
    while (end < n && distance[cell[end]] == distance[cell[first]]) ++end;
    for (int64_t i = first; i < end; ++i) {
      rank[cell[i]] = static_cast<double>(first + end - 1) / 2 - static_cast<double>(n - 1) / 2;
    }
  }
  return ranks;
}

/// Spearman's ρ of step and distance to the centre: float64 [B].
torch::Tensor centre_to_border(const torch::Tensor& steps, const Grid& grid) {
  const auto n = static_cast<double>(grid.size());
  const torch::Tensor ranks = centred_distance_ranks(grid);
  const double norm = ranks.square().sum().item<double>() * (n * (n * n - 1) / 12);
  if (norm == 0) return torch::full({steps.size(0)}, kNaN, torch::kFloat64);
  return (steps - (n - 1) / 2).matmul(ranks) / std::sqrt(norm);
}

/// Counts jumps in bins one patch wide.
void fill_histogram(const torch::Tensor& jumps, OrderStatistics& result) {
  const Grid& grid = result.grid;
  const double longest = std::hypot(grid.rows - 1, grid.cols - 1);
  const int64_t bins = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(longest)));
  for (int64_t i = 0; i <= bins; ++i) result.histogram_edges.push_back(static_cast<double>(i));
  const torch::Tensor counts =
      at::bincount(jumps.flatten().floor().to(torch::kInt64).clamp_max(bins - 1), {}, bins);
  for (int64_t i = 0; i < bins; ++i) result.histogram_counts.push_back(counts[i].item<int64_t>());
}

double entropy_of_counts(const torch::Tensor& counts) {
  const torch::Tensor share = counts.to(torch::kFloat64) / counts.sum();
  return 0.0 - at::xlogy(share, share).sum().item<double>();  // not -0 for one patch
}

void check_log_likelihood(const torch::Tensor& log_likelihood, const torch::Tensor& position_at) {
  if (log_likelihood.sizes() != position_at.sizes()) {
    throw std::invalid_argument("log-likelihoods must be [images, patches], as their orders are");
  }
  const torch::Tensor bad = log_likelihood.isfinite().logical_not().any(1).nonzero();
  if (bad.size(0) > 0) {
    throw std::invalid_argument(
        fmt::format("a log-likelihood of order {} is not a finite number", bad[0].item<int64_t>()));
  }
}

}  // namespace

torch::Tensor step_of(const torch::Tensor& position_at) {
  if (position_at.dim() != 2 || position_at.scalar_type() != torch::kInt64) {
    throw std::invalid_argument("orders must be int64 [images, patches]");
  }
  const torch::Tensor orders = position_at.cpu();
  const auto [sorted, steps] = orders.sort(1);
  const torch::Tensor expected = at::arange(orders.size(1), torch::kInt64).expand_as(orders);
  const torch::Tensor wrong = (sorted != expected).any(1).nonzero();
  if (wrong.size(0) > 0) {
    throw std::invalid_argument(
        fmt::format("order {} is not a permutation of 0 .. {}: a patch is missing or placed twice",
                    wrong[0].item<int64_t>(), position_at.size(1) - 1));
  }
  return steps;
}

double half_longest_jump(const Grid& grid) { return std::hypot(grid.rows - 1, grid.cols - 1) / 2; }

torch::Tensor jumps_of(const torch::Tensor& position_at, const Grid& grid) {
  const int64_t n = grid.size();
  const torch::Tensor orders = position_at.cpu();
  const torch::Tensor from = orders.narrow(1, 0, n - 1), to = orders.narrow(1, 1, n - 1);
  return distance_table(grid, Distance::kEuclidean)
      .view(-1)
      .index_select(0, (from * n + to).flatten())
      .view_as(from);
}

OrderStatistics order_statistics(const torch::Tensor& position_at, const Grid& grid,
                                 const torch::Tensor& log_likelihood) {
  const int64_t n = grid.size();
  if (position_at.dim() != 2 || position_at.size(1) != n || position_at.size(0) == 0) {
    throw std::invalid_argument(
        fmt::format("orders of a {}x{} grid must be [images >= 1, {}]", grid.rows, grid.cols, n));
  }
  OrderStatistics result;
  result.grid = grid;
  result.num_orders = position_at.size(0);
  const torch::Tensor orders = position_at.cpu(), steps = step_of(orders).to(torch::kFloat64);
  const torch::Tensor raster = at::arange(n, torch::kInt64).unsqueeze(0);
  const torch::Tensor jumps = jumps_of(orders, grid);
  const Growth growth = growth_of(orders, grid);
  const auto share = [](const torch::Tensor& which) { return which.to(torch::kFloat64).mean(1); };

  OrderNumbers& each = result.each;  // a mean over no jumps is NaN
  each.mean_jump = jumps.mean(1);
  each.neighbour_share = share(jumps == 1.0);
  each.touch_share = growth.touches / static_cast<double>(n - 1);
  each.long_jump_share = share(jumps > half_longest_jump(grid));
  each.mean_blobs = growth.blobs.mean(1);
  each.centre_to_border = centre_to_border(steps, grid);
  each.raster_tau = kendall_tau(orders, raster);
  each.raster_rho = spearman_rho(orders, raster);

  result.mean_inter_patch_distance = mean_of(each.mean_jump);
  result.stddev_inter_patch_distance = stddev_of(each.mean_jump);
  fill_histogram(jumps, result);
  result.neighbour_share = mean_of(each.neighbour_share);
  result.touch_share = mean_of(each.touch_share);
  result.long_jump_share = mean_of(each.long_jump_share);
  result.mean_blobs = mean_of(each.mean_blobs);
  result.blobs = growth.blobs.mean(0);
  result.mean_step_of = steps.mean(0).view({grid.rows, grid.cols});
  result.stddev_step_of = steps.std(0, /*unbiased=*/false).view({grid.rows, grid.cols});
  result.centre_to_border = mean_of(each.centre_to_border);
  result.raster_tau = mean_of(each.raster_tau);
  result.stddev_raster_tau = stddev_of(each.raster_tau);
  result.raster_rho = mean_of(each.raster_rho);
  result.stddev_raster_rho = stddev_of(each.raster_rho);
  const MeanCorrelation between = mean_correlation(orders);
  result.between_tau = between.tau;
  result.between_rho = between.rho;
  result.orders_compared = between.orders;
  result.first_position_entropy = entropy_of_counts(at::bincount(orders.select(1, 0), {}, n));
  result.nats_per_image = kNaN;
  if (log_likelihood.defined()) {
    check_log_likelihood(log_likelihood, orders);
    const torch::Tensor nats = log_likelihood.cpu().to(torch::kFloat64);
    each.nats = -nats.sum(1);
    result.log_likelihood = nats.mean(0);
    result.nats_per_image = mean_of(each.nats);
  }
  return result;
}

}  // namespace oar
