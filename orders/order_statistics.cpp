#include "orders/order_statistics.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace oar {

torch::Tensor step_of(const torch::Tensor& position_at) {
  if (position_at.dim() != 2 || position_at.scalar_type() != torch::kInt64) {
    throw std::invalid_argument("orders must be int64 [images, patches]");
  }
  const torch::Tensor steps = at::arange(position_at.size(1), torch::kInt64).expand_as(position_at);
  const torch::Tensor wrong = (std::get<0>(position_at.cpu().sort(1)) != steps).any(1).nonzero();
  if (wrong.size(0) > 0) {
    throw std::invalid_argument(
        fmt::format("order {} is not a permutation of 0 .. {}: a patch is missing or placed twice",
                    wrong[0].item<int64_t>(), position_at.size(1) - 1));
  }
  return position_at.cpu().argsort(static_cast<int64_t>(1), /*descending=*/false);
}

OrderStatistics order_statistics(const torch::Tensor& position_at, const Grid& grid) {
  const int64_t n = grid.size();
  if (position_at.dim() != 2 || position_at.size(1) != n || position_at.size(0) == 0) {
    throw std::invalid_argument(
        fmt::format("orders of a {}x{} grid must be [images >= 1, {}]", grid.rows, grid.cols, n));
  }
  OrderStatistics result;
  result.num_orders = position_at.size(0);
  result.mean_step_of =
      step_of(position_at).to(torch::kFloat64).mean(0).view({grid.rows, grid.cols});

  const double longest = std::hypot(grid.rows - 1, grid.cols - 1);
  const int64_t bins = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(longest)));
  for (int64_t i = 0; i <= bins; ++i) result.histogram_edges.push_back(static_cast<double>(i));
  result.histogram_counts.assign(bins, 0);
  if (n == 1) return result;

  const torch::Tensor at_cpu = position_at.cpu();
  const torch::Tensor from = at_cpu.narrow(1, 0, n - 1), to = at_cpu.narrow(1, 1, n - 1);
  const torch::Tensor jumps = distance_table(grid, Distance::kEuclidean)
                                  .view(-1)
                                  .index_select(0, (from * n + to).flatten());
  result.mean_inter_patch_distance = jumps.mean().item<double>();
  result.stddev_inter_patch_distance =
      jumps.view_as(from).mean(1).std(/*unbiased=*/false).item<double>();
  result.neighbour_share = (jumps == 1.0).to(torch::kFloat64).mean().item<double>();
  const torch::Tensor counts =
      at::bincount(jumps.floor().to(torch::kInt64).clamp_max(bins - 1), {}, bins);
  for (int64_t i = 0; i < bins; ++i) result.histogram_counts[i] = counts[i].item<int64_t>();
  return result;
}

}  // namespace oar
