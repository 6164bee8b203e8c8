#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace oar {

/// One thing the user has to change, as the message shows it:
///
///     sweep.json:12: /recipes/oar/train.order: no order is called "rastr".
///       known: oar, random, raster
///       did you mean "raster"?
struct Mistake {
  std::string where;              ///< file, line and JSON pointer, or the `--set` argument
  std::string found;              ///< what is there, without a full stop
  std::vector<std::string> help;  ///< what is accepted, what to do next; empty lines are left out
};

/// Collects every mistake of a configuration, so that the user meets them all at once.
class Mistakes {
 public:
  /// Keeps the mistake; one that was already found at the same place is dropped.
  void add(Mistake mistake);

  bool empty() const { return mistakes_.empty(); }
  const std::vector<Mistake>& all() const { return mistakes_; }

  /// Every mistake, and their number where there is more than one.
  std::string text() const;

  /// Errors  std::invalid_argument with text() if there is a mistake.
  void throw_if_any() const;

 private:
  std::vector<Mistake> mistakes_;
  std::set<std::pair<std::string, std::string>> seen_;  ///< where and found
};

/// `known: oar, random, raster`, or `known: none` where the list is empty.
std::string known_line(const std::vector<std::string>& names);

}  // namespace oar
