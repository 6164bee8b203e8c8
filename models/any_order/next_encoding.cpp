#include "models/any_order/next_encoding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace oar {

std::vector<NextEncodingInfo> list_next_encodings() {
  return {
#define NEXT_ENCODING(name, summary) {#name, summary},
#include "models/any_order/registry.def"
#undef NEXT_ENCODING
  };
}

NextEncoding parse_next_encoding(std::string_view text) {
  NextEncoding encoding;
  const auto field = [&encoding](std::string_view name) -> bool* {
#define NEXT_ENCODING(field_name, summary) \
  if (name == #field_name) return &encoding.field_name;
#include "models/any_order/registry.def"
#undef NEXT_ENCODING
    return nullptr;
  };
  size_t begin = 0;
  while (true) {
    const size_t end = std::min(text.find('+', begin), text.size());
    const std::string_view name = text.substr(begin, end - begin);
    bool* const found = field(name);
    if (found == nullptr || *found) {
      std::vector<std::string> known;
      for (const NextEncodingInfo& info : list_next_encodings()) known.push_back(info.name);
      throw std::invalid_argument(fmt::format(
          "next_encoding \"{}\": {} \"{}\"; accepted: {}, or several of them joined by '+'", text,
          found ? "repeats" : "nothing is called", name, fmt::join(known, ", ")));
    }
    *found = true;
    if (end == text.size()) return encoding;
    begin = end + 1;
  }
}

}  // namespace oar
