#include "harness/orders/json_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "datasets/dataset.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool opens(char c) { return c == '{' || c == '['; }
bool closes(char c) { return c == '}' || c == ']'; }

class Splitter {
 public:
  Splitter(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<JsonValue> run() {
    for (skip_space(); at_ < text_.size(); skip_space()) {
      if (is_around_values()) {
        take_elements();
      } else {
        take_value();
      }
    }
    return std::move(values_);
  }

 private:
  [[noreturn]] void fail(int64_t line, const std::string& found, const std::string& accepted) {
    throw BadData(fmt::format("{}:{}: {}; accepted: {}", file_, line, found, accepted));
  }

  void advance() {
    line_ += text_[at_] == '\n';
    ++at_;
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) advance();
  }

  std::string next_words() const {
    const std::string_view rest = text_.substr(at_, 20);
    const std::string found(rest.substr(0, rest.find('\n')));
    return found.empty() ? "the end of the file"
                         : fmt::format("found {}", json(as_utf8(found)).dump());
  }

  /// An array whose first element is an object or an array.
  bool is_around_values() const {
    if (text_[at_] != '[') return false;
    const auto inside = std::find_if_not(text_.begin() + at_ + 1, text_.end(), is_space);
    return inside != text_.end() && opens(*inside);
  }

  void take_elements() {
    const int64_t first_line = line_;
    advance();
    for (bool ended = false; !ended;) {
      skip_space();
      take_value();
      skip_space();
      ended = at_ < text_.size() && text_[at_] == ']';
      if (!ended && (at_ == text_.size() || text_[at_] != ',')) {
        fail(line_, next_words(),
             fmt::format("a comma, or the ] of the array of line {}", first_line));
      }
      advance();
    }
  }

  void take_value() {
    if (at_ == text_.size() || !opens(text_[at_])) {
      fail(line_, next_words(), "a list [...] or an object {...}");
    }
    const size_t begin = at_;
    const int64_t line = line_;
    int depth = 0;
    bool in_text = false;
    do {
      if (at_ == text_.size()) fail(line, "the value that begins here does not end", "a whole one");
      const char c = text_[at_];
      if (in_text) {
        if (c == '\\' && at_ + 1 < text_.size()) advance();
        in_text = c != '"';
      } else {
        in_text = c == '"';
        depth += opens(c) - closes(c);
      }
      if (depth > kMaxDepth) {
        fail(line_, "a value inside of too many others", fmt::format("{} levels", kMaxDepth));
      }
      advance();
    } while (depth > 0);
    values_.push_back({text_.substr(begin, at_ - begin), line});
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
  int64_t line_ = 1;
  std::vector<JsonValue> values_;
};

/// "parse error at line 2, column 5: ..." without the name of the exception; its line is counted
/// from that of the value.
std::string located(const JsonValue& value, const std::string& file, std::string message) {
  if (const auto bracket = message.find("] "); bracket != std::string::npos) {
    message.erase(0, bracket + 2);
  }
  int64_t line = 1;
  const std::string_view prefix = "parse error at line ";
  if (message.starts_with(prefix)) {
    std::from_chars(message.data() + prefix.size(), message.data() + message.size(), line);
    message.erase(0, std::min(message.find(", ") + 2, message.size()));
  }
  return fmt::format("{}:{}: not valid JSON: {}", file, value.line + line - 1, as_utf8(message));
}

}  // namespace

std::vector<JsonValue> split_json_values(std::string_view text, const std::string& file) {
  return Splitter(text, file).run();
}

json parse_json_value(const JsonValue& value, const std::string& file) {
  std::set<std::string> keys;
  const auto refuse_repeated_keys = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 &&
        !keys.insert(parsed.get<std::string>()).second) {
      throw BadData(fmt::format("{}:{}: the key {} comes twice; keep one of the two", file,
                                value.line, parsed.dump()));
    }
    return true;
  };
  try {
    return json::parse(value.text, refuse_repeated_keys);
  } catch (const json::exception& error) {
    throw BadData(located(value, file, error.what()));
  }
}

}  // namespace oar
