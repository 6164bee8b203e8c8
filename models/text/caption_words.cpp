#include "models/text/caption_words.h"

#include <algorithm>

namespace oar {
namespace {

// The functions of <cctype> ask the locale; these do not.
bool is_blank(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

bool is_upper(char byte) { return byte >= 'A' && byte <= 'Z'; }

enum class Kind { kLetter, kDigit, kOther };

Kind kind_of(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  if (code >= 0x80 || is_upper(byte) || (byte >= 'a' && byte <= 'z')) return Kind::kLetter;
  return byte >= '0' && byte <= '9' ? Kind::kDigit : Kind::kOther;
}

}  // namespace

std::string normalised_caption(std::string_view caption) {
  std::string result;
  result.reserve(caption.size());
  bool blank = false;
  for (const char byte : caption) {
    if (is_blank(byte)) {
      blank = !result.empty();
      continue;
    }
    if (blank) result += ' ';
    blank = false;
    result += is_upper(byte) ? static_cast<char>(byte - 'A' + 'a') : byte;
  }
  return result;
}

std::vector<std::string_view> caption_words(std::string_view caption) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  while (begin < caption.size()) {
    size_t end = begin + 1;
    if (caption[begin] == ' ' && end < caption.size()) ++end;  // the byte whose kind counts
    const Kind kind = kind_of(caption[end - 1]);
    const size_t most = std::min(caption.size(), begin + size_t{kMaxWordBytes});
    while (end < most && caption[end] != ' ' && kind_of(caption[end]) == kind) ++end;
    words.push_back(caption.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

}  // namespace oar
