#include "orders/same_for_all.h"

namespace oar {

/// Column by column from the left, each from the top down.
std::unique_ptr<OrderPolicy> make_column(const OrderConfig& config) {
  const int64_t rows = config.grid.rows;
  return same_for_all(
      config, sorted_by(config.grid, [=](int64_t row, int64_t col) { return col * rows + row; }));
}

}  // namespace oar
