#include "datasets/name_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "datasets/dataset.h"
#include "datasets/image_file.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

/// A step of a pickle that a plain list of texts needs.
struct Step {
  char code;
  enum { kSkip, kSkipLine, kList, kText, kTextLine, kQuotedLine, kStop } what;
  size_t bytes;  ///< to skip, or of the text's length
};

constexpr Step kSteps[] = {
    {'\x80', Step::kSkip, 1},     // PROTO
    {'\x95', Step::kSkip, 8},     // FRAME
    {'\x94', Step::kSkip, 0},     // MEMOIZE
    {'q', Step::kSkip, 1},        // BINPUT
    {'r', Step::kSkip, 4},        // LONG_BINPUT
    {'p', Step::kSkipLine, 0},    // PUT
    {'(', Step::kSkip, 0},        // MARK
    {'e', Step::kSkip, 0},        // APPENDS
    {'a', Step::kSkip, 0},        // APPEND
    {']', Step::kList, 0},        // EMPTY_LIST
    {'l', Step::kList, 0},        // LIST
    {'X', Step::kText, 4},        // BINUNICODE
    {'\x8c', Step::kText, 1},     // SHORT_BINUNICODE
    {'T', Step::kText, 4},        // BINSTRING
    {'U', Step::kText, 1},        // SHORT_BINSTRING
    {'V', Step::kTextLine, 0},    // UNICODE
    {'S', Step::kQuotedLine, 0},  // STRING
    {'.', Step::kStop, 0},        // STOP
};

/// Carries out the steps of a pickle that make a list of texts. Texts that the pickle remembers
/// need no memory here: a list of different names never asks for one again.
class ListOfTexts {
 public:
  ListOfTexts(std::string_view bytes, const std::string& name)
      : rest_(bytes), name_(name), size_(bytes.size()) {}

  std::vector<std::string> read() {
    while (!ended_) carry_out(next());
    if (!has_list_ || !rest_.empty()) refuse("no list of texts, or more than one");
    return std::move(texts_);
  }

 private:
  Step next() {
    const char code = take(1)[0];
    const auto* const step = std::find_if(std::begin(kSteps), std::end(kSteps),
                                          [code](const Step& one) { return one.code == code; });
    if (step != std::end(kSteps)) return *step;
    refuse(fmt::format("the step 0x{:02x}, which a list of texts does not need",
                       static_cast<unsigned char>(code)));
  }

  void carry_out(const Step& step) {
    switch (step.what) {
      case Step::kSkip:
        take(step.bytes);
        break;
      case Step::kSkipLine:
        line();
        break;
      case Step::kList:
        begin_list();
        break;
      case Step::kText:
        add(take(number(step.bytes)));
        break;
      case Step::kTextLine:
        add(line());
        break;
      case Step::kQuotedLine:
        add(unquoted(line()));
        break;
      case Step::kStop:
        ended_ = true;
        break;
    }
  }

  void begin_list() {
    if (has_list_) refuse("a list within a list");
    has_list_ = true;
  }

  void add(std::string_view text) { texts_.push_back(as_utf8(text)); }

  std::string_view take(size_t count) {
    if (count > rest_.size()) refuse("its end");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  size_t number(size_t bytes) {
    size_t value = 0, shift = 0;
    for (const char byte : take(bytes)) {
      value |= static_cast<size_t>(static_cast<unsigned char>(byte)) << shift;
      shift += 8;
    }
    return value;
  }

  std::string_view line() {
    const size_t end = rest_.find('\n');
    if (end == std::string_view::npos) refuse("its end");
    const std::string_view text = take(end);
    take(1);
    if (text.find('\\') != std::string_view::npos) refuse("a text with a backslash");
    return text;
  }

  std::string_view unquoted(std::string_view text) {
    const bool quoted =
        text.size() >= 2 && (text[0] == '\'' || text[0] == '"') && text.back() == text[0];
    if (!quoted) refuse("a text without quotes");
    return text.substr(1, text.size() - 2);
  }

  [[noreturn]] void refuse(const std::string& found) const {
    throw BadData(fmt::format(
        "\"{}\" is no pickle of a plain list of names: found {} at byte {}; write the names into a "
        "text file, one a line, instead (train.txt, test.txt)",
        name_, found, size_ - rest_.size()));
  }

  std::string_view rest_;
  const std::string& name_;
  size_t size_;
  bool has_list_ = false, ended_ = false;
  std::vector<std::string> texts_;
};

}  // namespace

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_bytes(path);
  const std::string text =
      as_utf8(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = trimmed(std::string_view(text).substr(begin, end - begin));
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

std::vector<std::string> names_in_pickle(std::span<const std::byte> bytes,
                                         const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return ListOfTexts(text, name).read();
}

std::vector<std::string> read_name_list(const std::filesystem::path& path) {
  if (path.extension() != ".pickle" && path.extension() != ".pkl") return read_lines(path);
  return names_in_pickle(read_bytes(path), path.string());
}

}  // namespace oar
