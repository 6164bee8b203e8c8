#include "orders/same_for_all.h"

namespace oar {

/// Coarse to fine: the patches whose row and column are both even, then even row and odd column,
/// odd and even, both odd; within each of the four the same again by the next bit. After a quarter
/// of the steps the image is there at half its resolution. On a grid whose sides are not powers of
/// two the order is that of the next power, minus the patches outside the grid.
///
/// Source  taming-transformers, Subsample (squares whose side is a power of two).
std::unique_ptr<OrderPolicy> make_subsample(const OrderConfig& config) {
  return same_for_all(config, sorted_by(config.grid, [](int64_t row, int64_t col) {
                        int64_t woven = 0;  // as in z_curve, but the lowest bits weigh most
                        for (int bit = 0; bit <= 30; ++bit) {
                          woven = 4 * woven + 2 * (row >> bit & 1) + (col >> bit & 1);
                        }
                        return woven;
                      }));
}

}  // namespace oar
