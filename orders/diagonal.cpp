#include "orders/same_for_all.h"

namespace oar {

/// Anti-diagonals from the top-left corner, each walked downwards.
///
/// Source  the diagonal scan of DAR, arXiv 2503.11129, which turns around at the end of each
/// diagonal; here all of them are walked the same way, so that a patch always finds the one above
/// and the one to its left filled, and above and left of it on its own diagonal in turn.
std::unique_ptr<OrderPolicy> make_diagonal(const OrderConfig& config) {
  const int64_t rows = config.grid.rows;
  return same_for_all(config, sorted_by(config.grid, [=](int64_t row, int64_t col) {
                        return (row + col) * rows + row;
                      }));
}

}  // namespace oar
