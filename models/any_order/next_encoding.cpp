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
    if (end == text.size()) break;
    begin = end + 1;
  }
  if (encoding.both) {
    if (encoding.absolute || encoding.relative) {
      throw std::invalid_argument(fmt::format(
          "next_encoding \"{}\": \"both\" already is absolute+relative; leave the other out",
          text));
    }
    encoding.both = false;
    encoding.absolute = encoding.relative = true;
  }
  const std::string name = encoding.canonical_name();
  if (encoding.none && name != "none") {
    throw std::invalid_argument(
        fmt::format("next_encoding \"{}\": \"none\" tells nothing and stands alone", text));
  }
  if (encoding.position_token && name != "position_token" && name != "rotary+position_token") {
    throw std::invalid_argument(fmt::format(
        "next_encoding \"{}\": \"position_token\" goes alone or with rotary; a token that carries "
        "the position leaves nothing to add",
        text));
  }
  return encoding;
}

std::string NextEncoding::canonical_name() const {
  std::vector<std::string_view> names;
#define NEXT_ENCODING(field_name, summary) \
  if (field_name) names.push_back(#field_name);
#include "models/any_order/registry.def"
#undef NEXT_ENCODING
  return fmt::format("{}", fmt::join(names, "+"));
}

}  // namespace oar
