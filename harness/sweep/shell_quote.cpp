#include "harness/sweep/shell_quote.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace oar {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// With `?` for what would confuse a terminal.
std::string shown(std::string_view text) {
  std::string result(text);
  std::replace_if(result.begin(), result.end(), is_control, '?');
  return result;
}

/// Means itself to a shell and to Slurm, wherever it stands.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.,:=%@/+-").find(c) != std::string_view::npos;
}

}  // namespace

std::string quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (is_control(c)) {
      throw std::invalid_argument(fmt::format(
          "\"{}\" holds a control character (code {}), which a job script cannot carry; "
          "use a name without it",
          shown(text), static_cast<int>(c)));
    }
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

std::string quote(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool bare = !word.empty() && std::all_of(word.begin(), word.end(), is_plain);
    line += (line.empty() ? "" : " ") + (bare ? word : quote(word));
  }
  return line;
}

std::string directive_value(std::string_view option, std::string_view value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain)) {
    return std::string(value);
  }
  throw std::invalid_argument(
      fmt::format("{}: \"{}\" cannot stand in an #SBATCH line; letters, digits and _.,:=%@/+- can "
                  "(give anything "
                  "else to sbatch itself: --sbatch-option)",
                  option, shown(value)));
}

}  // namespace oar
