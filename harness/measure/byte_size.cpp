#include "harness/measure/byte_size.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace oar {

int64_t bytes_from_text(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, double>, 12> kUnits = {{{"", 1.0},
                                                                           {"B", 1.0},
                                                                           {"KiB", 0x1p10},
                                                                           {"MiB", 0x1p20},
                                                                           {"GiB", 0x1p30},
                                                                           {"TiB", 0x1p40},
                                                                           {"kB", 1e3},
                                                                           {"KB", 1e3},
                                                                           {"MB", 1e6},
                                                                           {"GB", 1e9},
                                                                           {"TB", 1e12},
                                                                           {"G", 0x1p30}}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  std::string_view unit(rest, static_cast<size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& [name, bytes] : kUnits) {
    if (error != std::errc() || unit != name) continue;
    const double total = number * bytes;
    if (!(total >= 1 && total < 0x1p62)) break;
    return static_cast<int64_t>(total);
  }
  throw std::invalid_argument(fmt::format(
      "\"{}\" is no amount of memory; write a number and a unit: 2GiB, 512MiB, 1.5GB", text));
}

}  // namespace oar
