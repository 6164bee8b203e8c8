#include <cstdlib>

#include "orders/same_for_all.h"

namespace oar {
namespace {

/// A patch, or the way from one to another.
struct Cell {
  int64_t row = 0, col = 0;
  Cell operator+(const Cell& o) const { return {row + o.row, col + o.col}; }
  Cell operator-(const Cell& o) const { return {row - o.row, col - o.col}; }
  Cell operator-() const { return {-row, -col}; }
};

/// Patches along a way, which is parallel to an axis.
int64_t length(const Cell& way) { return std::abs(way.row + way.col); }

/// The first step of a way.
Cell step(const Cell& way) { return {way.row / length(way), way.col / length(way)}; }

/// Half of a way; half a patch is rounded up or left.
Cell half(const Cell& way) { return {way.row >> 1, way.col >> 1}; }

/// Half of a way, rounded to an even number of patches where that leaves some: the curve then comes
/// out of this half on the side where the next one begins.
Cell even_half(const Cell& way) {
  const Cell part = half(way);
  return length(part) % 2 == 1 && length(way) > 2 ? part + step(way) : part;
}

class Curve {
 public:
  explicit Curve(const Grid& grid) : grid_(grid) {
    const Cell right{0, grid.cols}, down{grid.rows, 0};
    const bool wide = grid.cols >= grid.rows;
    fill({0, 0}, wide ? right : down, wide ? down : right);
  }
  const std::vector<int64_t>& position_at() const { return position_at_; }

 private:
  /// Fills the rectangle of two sides, from `corner` to the far end of the side `along`.
  void fill(const Cell& corner, const Cell& along, const Cell& across) {
    if (length(across) == 1) return fill_line(corner, along);
    if (length(along) == 1) return fill_line(corner, across);
    if (2 * length(along) > 3 * length(across)) {  // long: two parts, one behind the other
      const Cell first = even_half(along);
      fill(corner, first, across);
      fill(corner + first, along - first, across);
      return;
    }
    // Through one part of the near half, along all of the far half, back through the other part.
    const Cell near = even_half(across), first = half(along);
    fill(corner, near, first);
    fill(corner + near, along, across - near);
    fill(corner + (along - step(along)) + (near - step(near)), -near, first - along);
  }

  void fill_line(Cell cell, const Cell& way) {
    for (int64_t i = 0; i < length(way); ++i, cell = cell + step(way)) {
      position_at_.push_back(cell.row * grid_.cols + cell.col);
    }
  }

  Grid grid_;
  std::vector<int64_t> position_at_;
};

}  // namespace

/// The Hilbert curve of any rectangle, from the top-left corner to the other end of the longer
/// side. Every step is to a direct neighbour, but for one diagonal step where the longer side is
/// odd and the shorter one even: no way from neighbour to neighbour joins these two corners. On 2 x
/// odd patches the curve ends one patch before that corner instead.
///
/// Source  J. Červený's generalised Hilbert curve, github.com/jakubcerveny/gilbert; Hilbert's own
/// on squares whose side is a power of two.
std::unique_ptr<OrderPolicy> make_hilbert(const OrderConfig& config) {
  return same_for_all(config, Curve(config.grid).position_at());
}

}  // namespace oar
