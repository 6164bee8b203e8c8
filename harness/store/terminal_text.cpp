#include "harness/store/terminal_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "datasets/utf8.h"

namespace oar {
namespace {

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::string one_line(std::string_view text) {
  const std::string valid = as_utf8(text);
  std::string line;
  for (size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const auto next = static_cast<unsigned char>(i + 1 < valid.size() ? valid[i + 1] : 0);
    if (byte == '\n') {
      line += "\\n";
    } else if (byte == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      line += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xC2 && next < 0xA0) {  // U+0080 to U+009F: terminals obey these too
      line += fmt::format("\\x{:02x}", next);
      ++i;
    } else {
      line += valid[i];
    }
  }
  return line;
}

std::string fit(const std::string& line, int columns) {
  int used = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (starts_character(line[i]) && used++ == columns) return line.substr(0, i);
  }
  return line;
}

int columns_of(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), starts_character));
}

}  // namespace oar
