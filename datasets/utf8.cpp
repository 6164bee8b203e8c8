#include "datasets/utf8.h"

#include <cstddef>
#include <cstdint>

namespace oar {
namespace {

/// Bytes of the well-formed sequence at the start of `text`, 0 if there is none.
/// Source  The Unicode Standard, table 3-7: no overlong forms, no surrogates, at most U+10FFFF.
size_t sequence_length(std::string_view text) {
  const auto byte = [text](size_t i) -> uint8_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const auto tail = [&byte](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (byte(i) < 0x80 || byte(i) > 0xBF) return false;
    }
    return true;
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1, 2) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool good = (first != 0xE0 || byte(1) >= 0xA0) && (first != 0xED || byte(1) <= 0x9F);
    return good && tail(1, 3) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool good = (first != 0xF0 || byte(1) >= 0x90) && (first != 0xF4 || byte(1) <= 0x8F);
    return good && tail(1, 4) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string as_utf8(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length > 0) {
      clean += text.substr(0, length);
    } else {
      clean += "\uFFFD";
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  return clean;
}

std::string quoted(const std::filesystem::path& path) {
  return "\"" + as_utf8(path.string()) + "\"";
}

}  // namespace oar
