#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "orders/order_policy.h"
#include "orders/order_statistics.h"

namespace oar {

/// A grid of patches; the number in a cell is the step that fills it.
using Steps = std::vector<std::vector<int64_t>>;

/// Settings of any policy of the registry; `from_file` is given raster backwards for all images.
inline OrderConfig order_config(const std::string& name, Grid grid, uint64_t seed = 0) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.seed = seed;
  config.given = torch::arange(grid.size() - 1, -1, -1).unsqueeze(0);
  return config;
}

/// The order of one image under a fixed policy.
inline Steps steps_of(const OrderConfig& config, int64_t image = 0) {
  const auto policy = make_order(config);
  const torch::Tensor steps = step_of(policy->position_at(torch::tensor({image})));
  Steps grid(config.grid.rows);
  for (int64_t p = 0; p < config.grid.size(); ++p) {
    grid[config.grid.row(p)].push_back(steps[0][p].item<int64_t>());
  }
  return grid;
}

inline Steps steps_of(const std::string& name, Grid grid) {
  return steps_of(order_config(name, grid));
}

/// Steps of the two to four direct neighbours of a cell.
inline std::vector<int64_t> neighbours_of(const Steps& steps, size_t row, size_t col) {
  std::vector<int64_t> neighbours;
  if (row > 0) neighbours.push_back(steps[row - 1][col]);
  if (col > 0) neighbours.push_back(steps[row][col - 1]);
  if (row + 1 < steps.size()) neighbours.push_back(steps[row + 1][col]);
  if (col + 1 < steps[row].size()) neighbours.push_back(steps[row][col + 1]);
  return neighbours;
}

/// Euclidean length of every jump of the order, patches.
inline std::vector<double> jumps_of(const std::string& name, Grid grid) {
  const torch::Tensor position_at =
      make_order(order_config(name, grid))->position_at(torch::tensor({0}))[0];
  const torch::Tensor distance = distance_table(grid, Distance::kEuclidean);
  std::vector<double> jumps;
  for (int64_t t = 1; t < grid.size(); ++t) {
    jumps.push_back(distance[position_at[t - 1]][position_at[t]].item<double>());
  }
  return jumps;
}

/// Rectangles of 1x1 to rows x cols.
inline std::vector<Grid> all_grids(int64_t rows, int64_t cols) {
  std::vector<Grid> grids;
  for (int64_t r = 1; r <= rows; ++r) {
    for (int64_t c = 1; c <= cols; ++c) grids.push_back({r, c});
  }
  return grids;
}

inline std::vector<Grid> squares(const std::vector<int64_t>& sides) {
  std::vector<Grid> grids;
  for (const int64_t side : sides) grids.push_back({side, side});
  return grids;
}

/// FNV-1a over the orders of all grids, one after the other. tests/golden/make_orders_golden.py
/// prints the same number of the reference's orders.
inline uint64_t digest_of(const std::string& name, const std::vector<Grid>& grids) {
  uint64_t digest = 0xcbf29ce484222325;
  for (const Grid& grid : grids) {
    const torch::Tensor position_at =
        make_order(order_config(name, grid))->position_at(torch::tensor({0})).contiguous();
    const int64_t* p = position_at.const_data_ptr<int64_t>();
    for (int64_t t = 0; t < grid.size(); ++t) {
      digest = (digest ^ static_cast<uint64_t>(p[t])) * 0x100000001b3;
    }
  }
  return digest;
}

}  // namespace oar
