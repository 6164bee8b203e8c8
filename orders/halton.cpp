#include "orders/same_for_all.h"

namespace oar {
namespace {

/// floor(size · φ), φ being `index` in base `base` mirrored at the point: exact, in whole numbers.
int64_t scaled_radical_inverse(int64_t index, int64_t base, int64_t size) {
  int64_t mirrored = 0, denominator = 1;
  for (; index > 0; index /= base) {
    mirrored = mirrored * base + index % base;
    denominator *= base;
  }
  return mirrored * size / denominator;
}

}  // namespace

/// Points spread evenly over the image at every step: the Halton sequence of base 2 for the row and
/// base 3 for the column, from its first point on, each in the patch it falls into; points that
/// fall into a filled patch are dropped.
///
/// Source  Halton-MaskGIT, arXiv 2503.17076 (squares), without its random start.
std::unique_ptr<OrderPolicy> make_halton(const OrderConfig& config) {
  const Grid& grid = config.grid;
  std::vector<int64_t> position_at;
  std::vector<bool> filled(grid.size());
  for (int64_t index = 1; static_cast<int64_t>(position_at.size()) < grid.size(); ++index) {
    const int64_t p = scaled_radical_inverse(index, 2, grid.rows) * grid.cols +
                      scaled_radical_inverse(index, 3, grid.cols);
    if (filled[p]) continue;
    filled[p] = true;
    position_at.push_back(p);
  }
  return same_for_all(config, position_at);
}

}  // namespace oar
