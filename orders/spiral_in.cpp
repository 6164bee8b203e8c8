#include "orders/same_for_all.h"

namespace oar {

/// From the bottom-right corner up along the border and round anticlockwise, ring by ring, to the
/// centre. Every step is to a direct neighbour.
///
/// Source  taming-transformers, SpiralIn (squares of even side).
std::unique_ptr<OrderPolicy> make_spiral_in(const OrderConfig& config) {
  const Grid& grid = config.grid;
  std::vector<int64_t> position_at;
  int64_t top = 0, left = 0, bottom = grid.rows - 1, right = grid.cols - 1;  // what is still open
  const auto place = [&](int64_t row, int64_t col) {
    position_at.push_back(row * grid.cols + col);
  };
  while (true) {
    for (int64_t row = bottom; row >= top; --row) place(row, right);
    if (left > --right) break;
    for (int64_t col = right; col >= left; --col) place(top, col);
    if (++top > bottom) break;
    for (int64_t row = top; row <= bottom; ++row) place(row, left);
    if (++left > right) break;
    for (int64_t col = left; col <= right; ++col) place(bottom, col);
    if (top > --bottom) break;
  }
  return same_for_all(config, position_at);
}

}  // namespace oar
