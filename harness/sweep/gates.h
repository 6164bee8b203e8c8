#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/sweep/file_mistakes.h"
#include "harness/sweep/json_file.h"
#include "harness/sweep/mistakes.h"
#include "harness/sweep/recipe_options.h"

namespace oar {

/// What a metric must keep to for a comparison to pass; at least one of the three is there.
struct Gate {
  std::string metric;  ///< as a cell of results.json names it

  /// How much worse than the sweep's baseline the metric may be, in its better direction: a share
  /// of the baseline's value where `relative` ("3%" is 0.03), else in the metric's unit.
  std::optional<double> max_regression;
  bool relative = false;

  std::optional<double> max;  ///< in the metric's unit
  std::optional<double> min;  ///< in the metric's unit
};

/// Reads the member "gates" of a sweep:
///
///     [{"metric": "fid", "max_regression": "3%"}, {"metric": "mean_inter_patch_distance", "max":
///     5}]
///
/// What is wrong goes to `mistakes`: unknown metrics and keys, a metric twice, a gate without
/// limit, min above max, a regression without baseline or of a metric that has no better direction.
std::vector<Gate> read_gates(const JsonFile& file, const KnownNames& known, Mistakes& mistakes);

}  // namespace oar
