#include "harness/sweep/json_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace oar {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 28;  // a path like /dev/zero never ends
constexpr std::size_t kMaxShown = 60;
constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: below it doubles hold every integer

/// Reads a text and tells an observer how far the parser has come.
struct TrackingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** reached = nullptr;

  reference operator*() const { return *at; }
  TrackingIterator& operator++() {
    *reached = ++at;
    return *this;
  }
  TrackingIterator operator++(int) {
    TrackingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackingIterator& other) const { return at == other.at; }
  bool operator!=(const TrackingIterator& other) const { return at != other.at; }
};

std::string escape_control(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
    } else {
      result += c;
    }
  }
  return result;
}

/// Builds the value from the parser's events, noting lines and refusing what parse_json refuses.
class Builder : public nlohmann::json_sax<json> {
 public:
  Builder(std::string_view text, JsonFile& file)
      : reached_(text.data()), counted_(text.data()), file_(file) {}

  bool parse(std::string_view text) {
    const TrackingIterator first{text.data(), &reached_};
    const TrackingIterator last{text.data() + text.size(), &reached_};
    return json::sax_parse(first, last, this);
  }
  const std::vector<std::string>& complaints() const { return complaints_; }

  bool null() override { return leaf(nullptr); }
  bool boolean(bool value) override { return leaf(value); }
  bool number_integer(int64_t value) override { return leaf(value); }
  bool number_unsigned(uint64_t value) override { return leaf(value); }
  bool number_float(double value, const std::string&) override { return leaf(value); }
  bool string(std::string& value) override { return leaf(std::move(value)); }
  bool binary(json::binary_t&) override { return false; }  // JSON text has none

  bool start_object(std::size_t) override { return open(json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Level& level = levels_.back();
    level.key = name;
    const std::string pointer = child_pointer(level.pointer, name);
    const int64_t line = current_line();
    const auto [seen, is_new] = file_.line_of.emplace(pointer, line);
    if (is_new) {
      file_.keys_of[level.pointer].push_back(name);
    } else {
      complaints_.push_back(
          fmt::format("{}:{}: {}: the key {} is repeated, first on line {}.\n"
                      "  keep one of the two",
                      file_.name, line, escape_control(pointer), shown(name), seen->second));
    }
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error ..."
    std::string text = error.what();
    if (const auto bracket = text.find("] "); bracket != std::string::npos) {
      text.erase(0, bracket + 2);
    }
    const std::string prefix = "parse error at line ";
    int64_t line = current_line();
    if (text.starts_with(prefix)) {
      std::from_chars(text.data() + prefix.size(), text.data() + text.size(), line);
      if (const auto comma = text.find(", "); comma != std::string::npos) text.erase(0, comma + 2);
    }
    complaints_.push_back(
        fmt::format("{}:{}: not valid JSON: {}.\n"
                    "  JSON has double quotes, no comments, and no comma before a closing bracket",
                    file_.name, line, text));
    return false;
  }

 private:
  struct Level {
    json* value;
    std::string pointer;
    std::string key;
  };

  /// Line of the token that was read last. Numbers have been read one character too far, which may
  /// be the end of their line; no token ends with an end of line, so one step back suits them all.
  int64_t current_line() {
    if (reached_ > counted_) {
      line_ += std::count(counted_, reached_ - 1, '\n');
      counted_ = reached_ - 1;
    }
    return line_;
  }

  std::string next_pointer() const {
    if (levels_.empty()) return "";
    const Level& level = levels_.back();
    if (level.value->is_object()) return child_pointer(level.pointer, level.key);
    return fmt::format("{}/{}", level.pointer, level.value->size());
  }

  json* place(json value, const std::string& pointer) {
    file_.line_of.emplace(pointer, current_line());
    if (levels_.empty()) {
      file_.value = std::move(value);
      return &file_.value;
    }
    Level& level = levels_.back();
    if (level.value->is_object()) return &((*level.value)[level.key] = std::move(value));
    level.value->push_back(std::move(value));
    return &level.value->back();
  }

  bool leaf(json value) {
    place(std::move(value), next_pointer());
    return true;
  }

  bool open(json container) {
    if (levels_.size() == kMaxJsonDepth) {
      complaints_.push_back(
          fmt::format("{}:{}: nested more than {} levels deep.\n"
                      "  flatten it: no sweep needs more than five",
                      file_.name, current_line(), kMaxJsonDepth));
      return false;
    }
    const std::string pointer = next_pointer();
    json* placed = place(std::move(container), pointer);
    levels_.push_back({placed, pointer, ""});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  const char* reached_;
  const char* counted_;
  int64_t line_ = 1;
  JsonFile& file_;
  std::vector<Level> levels_;
  std::vector<std::string> complaints_;
};

std::string read_all(const std::filesystem::path& path) {
  const auto fail = [&](int code) -> std::system_error {
    return {code, std::generic_category(), fmt::format("{}: cannot be read", path.string())};
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) throw fail(errno);
  std::string text;
  std::array<char, 1 << 16> block;
  while (const std::size_t count = std::fread(block.data(), 1, block.size(), file.get())) {
    text.append(block.data(), count);
    if (text.size() > kMaxFileBytes) throw fail(EFBIG);
  }
  if (std::ferror(file.get())) throw fail(errno);
  return text;
}

/// A text in quotes. dump() knows what to escape and what is UTF-8; most texts need neither.
void append_quoted(const std::string& text, std::string& out) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  try {
    out += json(text).dump();
  } catch (const json::type_error&) {
    throw std::invalid_argument(fmt::format("{} is not UTF-8", shown(text)));
  }
}

void append_canonical(const json& value, std::string& out) {
  if (value.is_object()) {
    out += '{';
    for (auto member = value.begin(); member != value.end(); ++member) {  // keys are sorted
      if (out.back() != '{') out += ',';
      append_quoted(member.key(), out);
      out += ':';
      append_canonical(*member, out);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (const json& element : value) {
      if (out.back() != '[') out += ',';
      append_canonical(element, out);
    }
    out += ']';
  } else if (value.is_number_unsigned()) {
    out += fmt::format_int(value.get<uint64_t>()).str();
  } else if (value.is_number_integer()) {
    out += fmt::format_int(value.get<int64_t>()).str();
  } else if (value.is_number_float()) {
    const double number = value.get<double>() + 0.0;  // -0 becomes 0
    if (!std::isfinite(number)) {
      throw std::invalid_argument("a number that is not finite has no JSON text");
    }
    if (std::abs(number) < kExactIntegers && std::trunc(number) == number) {
      out += fmt::format("{}", static_cast<int64_t>(number));
      return;
    }
    std::array<char, 32> digits;
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                       std::chars_format::general);
    out.append(digits.data(), written.ptr);
  } else if (value.is_string()) {
    append_quoted(value.get_ref<const std::string&>(), out);
  } else {
    out += value.dump();
  }
}

}  // namespace

std::string JsonFile::where(const std::string& pointer) const {
  std::string known = pointer;
  auto line = line_of.find(known);
  while (line == line_of.end() && !known.empty()) {
    known.erase(known.rfind('/') == std::string::npos ? 0 : known.rfind('/'));
    line = line_of.find(known);
  }
  std::string result = name;
  if (line != line_of.end()) result += fmt::format(":{}", line->second);
  if (!pointer.empty()) result += ": " + escape_control(pointer);
  return result;
}

JsonFile parse_json(std::string_view text, const std::string& name) {
  JsonFile file;
  file.name = name;
  Builder builder(text, file);
  builder.parse(text);
  if (!builder.complaints().empty()) {
    throw std::invalid_argument(fmt::format("{}", fmt::join(builder.complaints(), "\n")));
  }
  return file;
}

JsonFile read_json_file(const std::filesystem::path& path) {
  return parse_json(read_all(path), path.string());
}

std::string child_pointer(const std::string& pointer, const std::string& key) {
  std::string result = pointer + "/";
  for (const char c : key) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kMaxShown) return text;
  std::size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string canonical_json(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

}  // namespace oar
