#pragma once

#include <torch/types.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace oar {

/// A grid of patches. Position p of N = rows * cols is row-major: p = row * cols + col.
struct Grid {
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t size() const { return rows * cols; }
  int64_t row(int64_t position) const { return position / cols; }
  int64_t col(int64_t position) const { return position % cols; }
  bool operator==(const Grid&) const = default;
};

/// How far two patches are from each other, centre to centre, in patches.
enum class Distance { kEuclidean, kManhattan, kChebyshev };

/// `euclidean`, `manhattan` or `chebyshev`.
///
/// Errors  std::invalid_argument for any other name, listing the three.
Distance distance_from_name(const std::string& name);

/// The distance between every two patches of `grid`.
///
/// Shapes  float64 [N, N]; row: from, column: to.
/// Units   patches.
torch::Tensor distance_table(const Grid& grid, Distance distance);

}  // namespace oar
