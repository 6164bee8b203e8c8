#include "orders/same_for_all.h"

namespace oar {

/// The patch nearest to the centre of the grid first, by Euclidean distance. Patches equally far
/// follow each other in raster order.
std::unique_ptr<OrderPolicy> make_centre_out(const OrderConfig& config) {
  const Grid grid = config.grid;
  return same_for_all(config, sorted_by(grid, [=](int64_t row, int64_t col) {
                        const int64_t down = 2 * row - (grid.rows - 1);  // half patches
                        const int64_t right = 2 * col - (grid.cols - 1);
                        return down * down + right * right;
                      }));
}

}  // namespace oar
