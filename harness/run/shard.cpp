#include "harness/run/shard.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace oar {

std::vector<size_t> Shard::cells(size_t total) const {
  std::vector<size_t> cells;
  for (size_t i = index - 1; i < total; i += count) cells.push_back(i);
  return cells;
}

Shard shard_from_text(const std::string& option, const std::string& text) {
  if (text.empty()) return {};
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  bool read = index.ec == std::errc() && index.ptr != end && *index.ptr == '/';
  if (read) {
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    read = count.ec == std::errc() && count.ptr == end;
  }
  if (!read || shard.index < 1 || shard.index > shard.count) {
    throw std::invalid_argument(
        fmt::format("{} cannot be \"{}\"; accepted: i/n with i from 1 to n, as in {} 2/4", option,
                    text, option));
  }
  return shard;
}

}  // namespace oar
