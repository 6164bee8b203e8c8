#include "orders/same_for_all.h"

namespace oar {

/// Row by row like an ox that ploughs: right along even rows, left along odd ones. Every step is to
/// a direct neighbour, so the mean inter-patch distance is 1.
///
/// Source  taming-transformers, AlternateParsing.
std::unique_ptr<OrderPolicy> make_alternate(const OrderConfig& config) {
  const int64_t cols = config.grid.cols;
  return same_for_all(config, sorted_by(config.grid, [=](int64_t row, int64_t col) {
                        return row * cols + (row % 2 == 0 ? col : cols - 1 - col);
                      }));
}

}  // namespace oar
