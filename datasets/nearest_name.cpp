#include "datasets/nearest_name.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <numeric>
#include <utility>

namespace oar {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = std::tolower(static_cast<unsigned char>(a[i - 1])) ==
                        std::tolower(static_cast<unsigned char>(b[j - 1]));
      const size_t changed = diagonal + (same ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

}  // namespace

std::string known_names(std::string_view asked, const std::vector<std::string>& known) {
  std::string text = fmt::format("  known: {}", fmt::join(known, ", "));
  std::string_view nearest;
  size_t nearest_distance = asked.size() / 3 + 1;
  for (const std::string& name : known) {
    const size_t distance = edit_distance(asked, name);
    if (distance < nearest_distance) {
      nearest = name;
      nearest_distance = distance;
    }
  }
  if (!nearest.empty()) text += fmt::format("\n  did you mean \"{}\"?", nearest);
  return text;
}

}  // namespace oar
