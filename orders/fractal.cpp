#include <queue>

#include "orders/same_for_all.h"

namespace oar {

/// A balanced binary tree over the raster sequence, level by level: the middle patch first, then
/// the middles of what is left on both sides of it, and so on. Whose half comes first changes with
/// every patch placed: the later half after the first patch, the earlier one after the second, ...
///
/// Source  σ-GPT, arXiv 2404.09562, the order `fractal` of its text models, which take any length;
/// its other models place the last element first and make the tree of the rest.
std::unique_ptr<OrderPolicy> make_fractal(const OrderConfig& config) {
  struct Part {
    int64_t begin, end;
  };
  std::vector<int64_t> position_at;
  std::queue<Part> parts({Part{0, config.grid.size()}});
  for (; !parts.empty(); parts.pop()) {
    const auto [begin, end] = parts.front();
    if (begin == end) continue;
    const int64_t middle = (begin + end) / 2;
    const Part before{begin, middle}, after{middle + 1, end};
    const bool later_first = position_at.size() % 2 == 0;
    position_at.push_back(middle);
    parts.push(later_first ? after : before);
    parts.push(later_first ? before : after);
  }
  return same_for_all(config, position_at);
}

}  // namespace oar
