#include "harness/sweep/mistakes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <utility>

namespace oar {

void Mistakes::add(Mistake mistake) {
  const bool is_new = seen_.emplace(mistake.where, mistake.found).second;
  if (is_new) mistakes_.push_back(std::move(mistake));
}

std::string Mistakes::text() const {
  std::string text;
  for (const Mistake& mistake : mistakes_) {
    text += fmt::format("{}{}: {}.", text.empty() ? "" : "\n", mistake.where, mistake.found);
    for (const std::string& line : mistake.help) {
      if (!line.empty()) text += "\n  " + line;
    }
  }
  if (mistakes_.size() > 1) text += fmt::format("\n{} mistakes", mistakes_.size());
  return text;
}

void Mistakes::throw_if_any() const {
  if (!empty()) throw std::invalid_argument(text());
}

std::string known_line(const std::vector<std::string>& names) {
  if (names.empty()) return "known: none";
  return fmt::format("known: {}", fmt::join(names, ", "));
}

}  // namespace oar
