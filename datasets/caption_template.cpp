#include "datasets/caption_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "datasets/dataset.h"
#include "datasets/nearest_name.h"

namespace oar {
namespace {

size_t column_of(std::string_view name, const std::vector<std::string>& columns,
                 std::string_view table) {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found != columns.end()) return static_cast<size_t>(found - columns.begin());
  throw BadData(fmt::format("caption: \"{}\" has no column \"{}\".\n{}", table, name,
                            known_names(name, columns)));
}

[[noreturn]] void refuse(std::string_view text, size_t at, std::string_view why) {
  throw std::invalid_argument(
      fmt::format("caption: \"{}\", character {}: {}; columns stand in braces, as in "
                  "\"{{baseColour}} {{articleType}}\", and a brace itself is written twice",
                  text, at + 1, why));
}

}  // namespace

CaptionTemplate::CaptionTemplate(std::string_view text, const std::vector<std::string>& columns,
                                 std::string_view table) {
  if (text.find('{') == std::string_view::npos) {
    pieces_.push_back({"", column_of(text, columns, table)});
    return;
  }
  std::string literal;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool brace = text[i] == '{' || text[i] == '}';
    if (brace && i + 1 < text.size() && text[i + 1] == text[i]) {
      literal += text[i++];
    } else if (text[i] == '}') {
      refuse(text, i, "a closing brace without an opening one");
    } else if (text[i] == '{') {
      const size_t end = text.find_first_of("{}", i + 1);
      if (end == std::string_view::npos || text[end] != '}') {
        refuse(text, i, "the brace is never closed");
      }
      if (end == i + 1) refuse(text, i, "there is no column in the braces");
      pieces_.push_back({literal, column_of(text.substr(i + 1, end - i - 1), columns, table)});
      literal.clear();
      i = end;
    } else {
      literal += text[i];
    }
  }
  pieces_.push_back({literal, kNone});
}

std::string CaptionTemplate::fill(const std::vector<std::string>& row) const {
  std::string caption;
  bool any = false;
  for (const Piece& piece : pieces_) {
    caption += piece.literal;
    if (piece.column == kNone) continue;
    caption += row[piece.column];
    any = any || !row[piece.column].empty();
  }
  return any ? single_spaced(caption) : "";
}

std::string single_spaced(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::string result;
  for (const char c : text) {
    if (kBlanks.find(c) == std::string_view::npos) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

}  // namespace oar
