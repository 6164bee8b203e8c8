#include "orders/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace oar {

Distance distance_from_name(const std::string& name) {
  if (name == "euclidean") return Distance::kEuclidean;
  if (name == "manhattan") return Distance::kManhattan;
  if (name == "chebyshev") return Distance::kChebyshev;
  throw std::invalid_argument(
      fmt::format("no distance is called \"{}\"; known: chebyshev, euclidean, manhattan", name));
}

torch::Tensor distance_table(const Grid& grid, Distance distance) {
  const int64_t n = grid.size();
  torch::Tensor table = torch::empty({n, n}, torch::kFloat64);
  auto cell = table.accessor<double, 2>();
  for (int64_t from = 0; from < n; ++from) {
    for (int64_t to = 0; to < n; ++to) {
      const double rows = std::abs(grid.row(to) - grid.row(from));
      const double cols = std::abs(grid.col(to) - grid.col(from));
      switch (distance) {
        case Distance::kEuclidean:
          cell[from][to] = std::sqrt(rows * rows + cols * cols);
          break;
        case Distance::kManhattan:
          cell[from][to] = rows + cols;
          break;
        case Distance::kChebyshev:
          cell[from][to] = std::max(rows, cols);
          break;
      }
    }
  }
  return table;
}

}  // namespace oar
