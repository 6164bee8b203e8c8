#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace oar {

/// A part of a sweep's cells: every n-th, so that long and short recipes spread over the shards.
struct Shard {
  size_t index = 1;  ///< 1 .. count
  size_t count = 1;

  bool whole() const { return count == 1; }

  /// The cells of this shard, by position in a sweep of so many.
  std::vector<size_t> cells(size_t total) const;
};

/// Reads "2/4"; an empty text is the whole sweep.
///
/// Errors  std::invalid_argument, naming `option`, for any other text, or an index outside 1 .. n.
Shard shard_from_text(const std::string& option, const std::string& text);

}  // namespace oar
