#include "models/any_order/rotary_table.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace oar {
namespace {

// Wavelengths from 2π to 2π·100 patches span every grid in use, up to 64 patches a side.
constexpr double kRotaryBase = 100.0;

/// float64 [N, 2F]: the angles of rows at F frequencies, then those of columns.
torch::Tensor angles(const Grid& grid, int64_t frequencies) {
  const torch::Tensor exponent =
      at::arange(frequencies, torch::kFloat64) / static_cast<double>(frequencies);
  const torch::Tensor frequency = exponent.mul(-std::log(kRotaryBase)).exp();
  const torch::Tensor position = at::arange(grid.size(), torch::kInt64);
  const torch::Tensor row = position.div(grid.cols, "floor").to(torch::kFloat64);
  const torch::Tensor col = position.remainder(grid.cols).to(torch::kFloat64);
  return at::cat({at::outer(row, frequency), at::outer(col, frequency)}, 1);
}

}  // namespace

RotaryTable::RotaryTable(const Grid& grid, int64_t head_width) {
  const int64_t frequencies = head_width / 4;
  const torch::Tensor angle =
      at::cat({angles(grid, frequencies), at::zeros({1, 2 * frequencies}, torch::kFloat64)});
  cos = angle.cos().to(torch::kFloat32);
  sin = angle.sin().to(torch::kFloat32);
}

torch::Tensor RotaryTable::turn(const torch::Tensor& x, const torch::Tensor& positions) const {
  const torch::Tensor c = at::embedding(cos, positions).unsqueeze(1);
  const torch::Tensor s = at::embedding(sin, positions).unsqueeze(1);
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * c - halves[1] * s, halves[0] * s + halves[1] * c}, -1);
}

torch::Tensor sinusoid_table(const Grid& grid, int64_t width) {
  const torch::Tensor angle = angles(grid, width / 4);
  return at::cat({angle.sin(), angle.cos()}, 1).to(torch::kFloat32);
}

}  // namespace oar
