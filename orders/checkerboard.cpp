#include "orders/same_for_all.h"

namespace oar {

/// The squares of the colour of the top-left patch in raster order, then those of the other colour,
/// each of which finds all of its direct neighbours filled.
std::unique_ptr<OrderPolicy> make_checkerboard(const OrderConfig& config) {
  return same_for_all(
      config, sorted_by(config.grid, [](int64_t row, int64_t col) { return (row + col) % 2; }));
}

}  // namespace oar
