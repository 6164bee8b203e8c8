#include "harness/sweep/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace oar {
namespace {

constexpr std::size_t kMaxLength =
    100;  // longer texts are no misspelt names: the work is quadratic
constexpr std::size_t kMinPrefix = 3;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// Optimal string alignment: Levenshtein plus the swap of two neighbours.
std::size_t edits_between(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> edits(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) edits[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) edits[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = edits[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      edits[i][j] = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
      }
    }
  }
  return edits[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& known) {
  if (name.empty() || name.size() > kMaxLength) return std::nullopt;
  const std::string wanted = lower(name);
  std::optional<std::string> nearest;
  std::size_t fewest = 2 + wanted.size() / 4;  // one more than is allowed
  for (const std::string& candidate : known) {
    const std::size_t edits = edits_between(wanted, lower(candidate));
    if (edits < fewest && edits < wanted.size()) {
      fewest = edits;
      nearest = candidate;
    }
  }
  if (nearest || wanted.size() < kMinPrefix) return nearest;
  for (const std::string& candidate : known) {
    if (lower(candidate).starts_with(wanted)) return candidate;
  }
  return std::nullopt;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const auto nearest = nearest_name(name, known);
  return nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "";
}

}  // namespace oar
