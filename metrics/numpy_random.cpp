#include "metrics/numpy_random.h"

#include <fmt/format.h>

#include <bit>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace oar {

int64_t RandomState::at_most(int64_t maximum) {
  const auto limit = static_cast<uint32_t>(maximum);
  const uint32_t mask = limit == 0 ? 0 : ~uint32_t{0} >> std::countl_zero(limit);
  uint32_t value = 0;
  do {
    value = static_cast<uint32_t>(generator_()) & mask;
  } while (value > limit);
  return value;
}

std::vector<int64_t> RandomState::permutation(int64_t n) {
  if (n < 0 || n > int64_t{UINT32_MAX}) {
    throw std::invalid_argument(
        fmt::format("permutation of {} items: 0 to 4294967295 are possible", n));
  }
  std::vector<int64_t> items(static_cast<size_t>(n));
  std::iota(items.begin(), items.end(), int64_t{0});
  for (int64_t i = n - 1; i >= 1; --i) {
    std::swap(items[static_cast<size_t>(i)], items[static_cast<size_t>(at_most(i))]);
  }
  return items;
}

std::vector<int64_t> RandomState::choice_without_replacement(int64_t n, int64_t m) {
  if (m < 0 || m > n) {
    throw std::invalid_argument(fmt::format("{} different items out of {} cannot be drawn", m, n));
  }
  std::vector<int64_t> items = permutation(n);
  items.resize(static_cast<size_t>(m));
  return items;
}

}  // namespace oar
