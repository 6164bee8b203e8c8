#include "reports/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "reports/interval.h"

namespace oar::report {
namespace {

constexpr double kSmallestPlain = 1e-4;
constexpr double kLargestPlain = 1e7;
constexpr int kMostDecimals = 9;

/// Decimals that show `digits` significant digits of `value`.
int decimals_for(double value, int digits) {
  if (value == 0.0) return digits - 1;
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return std::clamp(digits - 1 - exponent, 0, kMostDecimals);
}

/// Fixed decimals; a negative number that rounds to nothing loses its sign.
std::string fixed(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.front() == '-' && text.find_first_of("123456789") == std::string::npos) text.erase(0, 1);
  return text;
}

/// Length of the UTF-8 sequence that begins at `at`, or 0 where the bytes are not UTF-8.
size_t sequence_length(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

/// Control characters of ASCII and of Latin-1 (U+0080 .. U+009F), and the marks that reorder or
/// break lines of text.
bool is_control(std::string_view sequence) {
  if (sequence.size() == 1)
    return static_cast<unsigned char>(sequence[0]) < 0x20 || sequence[0] == 0x7F;
  if (sequence.size() == 2)
    return sequence[0] == '\xC2' && static_cast<unsigned char>(sequence[1]) < 0xA0;
  if (sequence.size() != 3 || sequence[0] != '\xE2') return false;
  const auto middle = static_cast<unsigned char>(sequence[1]);
  const auto last = static_cast<unsigned char>(sequence[2]);
  return (middle == 0x80 && last >= 0xA8 && last <= 0xAE) ||  // U+2028 .. U+202E
         (middle == 0x81 && last >= 0xA6 && last <= 0xA9);    // U+2066 .. U+2069
}

bool is_word(std::string_view text, size_t at) {
  return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 ||
                              static_cast<unsigned char>(text[at]) >= 0x80);
}

/// The character by which GitHub's Markdown knows a bare address: `https://x`, `www.x`.
bool makes_link(std::string_view text, size_t at) {
  if (text[at] == ':') return text.substr(at, 3) == "://";
  if (text[at] != '.' || at < 3) return false;
  return std::all_of(text.begin() + at - 3, text.begin() + at,
                     [](char c) { return c == 'w' || c == 'W'; });
}

/// An underscore inside a word and brackets that no "(" or "[" follows have no meaning in Markdown.
bool needs_backslash(std::string_view text, size_t at) {
  constexpr std::string_view kAlways = "\\`*|$~";
  if (kAlways.find(text[at]) != std::string_view::npos) return true;
  if (text[at] == '_') return at == 0 || !is_word(text, at - 1) || !is_word(text, at + 1);
  if (text[at] == ']')
    return at + 1 < text.size() &&
           (text[at + 1] == '(' || text[at + 1] == '[' || text[at + 1] == ':');
  return false;
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      ++spread.not_finite;
      continue;
    }
    ++spread.n;
    spread.mean += (value - spread.mean) / static_cast<double>(spread.n);
  }
  if (spread.n < 2) return spread;
  double squares = 0.0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - spread.mean) * (value - spread.mean);
  }
  spread.stddev = std::sqrt(squares / static_cast<double>(spread.n - 1));
  spread.half_width = student_quantile(0.95, spread.n - 1) * spread.stddev /
                      std::sqrt(static_cast<double>(spread.n));
  return spread;
}

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return "not finite";
  if (value == 0.0) return "0";
  const double size = std::abs(value);
  if (size < kSmallestPlain || size >= kLargestPlain)
    return fmt::format("{:.{}e}", value, digits - 1);
  return fixed(value, decimals_for(value, digits));
}

std::string format_spread(const Spread& spread) {
  if (spread.n == 0) return spread.not_finite > 0 ? "not finite" : "–";
  std::string text = format_number(spread.mean);
  if (spread.n >= 2) {
    const double reach = spread.half_width;
    const double size = std::max(std::abs(spread.mean), reach);
    if (reach == 0.0) {
      text += " ± 0";
    } else if (size < kSmallestPlain || size >= kLargestPlain) {
      text = fmt::format("{:.3e} ± {:.1e}", spread.mean, reach);
    } else {
      const int decimals = std::min(decimals_for(reach, 2), decimals_for(spread.mean, 6));
      const double half = 0.5 * std::pow(10.0, -decimals);
      text = fixed(spread.mean, decimals) + (reach < half
                                                 ? fmt::format(" ± <{:.{}f}", 2 * half, decimals)
                                                 : " ± " + fixed(reach, decimals));
    }
  }
  if (spread.not_finite > 0) text += fmt::format(" ({} not finite)", spread.not_finite);
  return text;
}

std::string one_line(std::string_view text) {
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    const std::string_view sequence = text.substr(at, std::max<size_t>(length, 1));
    const bool space = length > 0 && (sequence == " " || is_control(sequence));
    if (!space) {
      line += length == 0 ? std::string_view("?") : sequence;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
    at += sequence.size();
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string escape_markdown(std::string_view text) {
  const std::string line = one_line(text);
  std::string escaped;
  for (size_t at = 0; at < line.size(); ++at) {
    if (makes_link(line, at)) {  // a backslash would not do: renderers look for links after it
      escaped += fmt::format("&#{};", static_cast<int>(line[at]));
      continue;
    }
    switch (line[at]) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      default:
        if (needs_backslash(line, at)) escaped += '\\';
        escaped += line[at];
    }
  }
  return escaped;
}

std::string shorten(const std::string& text, size_t limit) {
  size_t characters = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && characters++ == limit) return text.substr(0, at) + "…";
  }
  return text;
}

size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace oar::report
