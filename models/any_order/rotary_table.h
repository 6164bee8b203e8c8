#pragma once

#include <torch/types.h>

#include "orders/grid.h"

namespace oar {

/// 2-D rotary embedding of positions: the first half of a head's channels turns with the row, the
/// second with the column. Position N ("nowhere") turns by nothing.
///
/// Shapes  cos, sin float32 [N+1, d/2] with d the head's width, a multiple of 4.
struct RotaryTable {
  torch::Tensor cos, sin;
  RotaryTable(const Grid& grid, int64_t head_width);
  /// Turns x [B, H, T, d] by the positions [B, T].
  torch::Tensor turn(const torch::Tensor& x, const torch::Tensor& positions) const;
};

/// Sines and cosines of row and column: float32 [N, width], a quarter of the width each, with the
/// same wavelengths as the rotary table. `width` is a multiple of 4.
torch::Tensor sinusoid_table(const Grid& grid, int64_t width);

}  // namespace oar
