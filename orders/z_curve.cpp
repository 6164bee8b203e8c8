#include "orders/same_for_all.h"

namespace oar {

/// The Z curve: by the bits of row and column woven together, the row above the column in each
/// pair. On a grid whose sides are not powers of two the curve is that of the next power, minus the
/// patches outside the grid.
///
/// Source  taming-transformers, ZCurve (Morton 1966).
std::unique_ptr<OrderPolicy> make_z_curve(const OrderConfig& config) {
  return same_for_all(config, sorted_by(config.grid, [](int64_t row, int64_t col) {
                        int64_t woven = 0;
                        for (int bit = 30; bit >= 0; --bit) {
                          woven = 4 * woven + 2 * (row >> bit & 1) + (col >> bit & 1);
                        }
                        return woven;
                      }));
}

}  // namespace oar
