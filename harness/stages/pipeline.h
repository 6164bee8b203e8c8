#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness/stages/environment.h"
#include "harness/store/stage.h"
#include "harness/sweep/sweep.h"

namespace oar {

/// One stage of a cell, and what computes it.
struct PlannedStage {
  std::string role;  ///< what it is to the cell: "generated_features", "specialist", ...
  StageNode node;
  StageFunction function;
  bool for_pictures = false;   ///< a cell is done without it
  bool data_parallel = false;  ///< all ranks of Environment::ranks call the function, each with its
                               ///< share of every batch
};

/// The stages of many cells, each key once.
struct SweepPlan {
  std::vector<PlannedStage> stages;  ///< each after its inputs; `role` is that of the first cell
  std::vector<std::vector<std::pair<std::string, size_t>>> cells;  ///< role, position in `stages`
};

/// Turns recipes into their stages.
///
/// Cells that share a part of their recipe share the stages it decides: equal nodes have equal
/// keys. The identity of a data set on disk is the names and sizes of its files, not the path of
/// its folder; that of brought weights is their SHA-256. Options that change no result (batch sizes
/// of sampling) and the device are no part of any identity. What cells share is worked out once: no
/// folder is walked and no file hashed twice.
///
/// Errors  std::invalid_argument for sizes that do not fit each other, naming the cell; BadData if
///         a data set's folder is missing; std::system_error if brought weights cannot be read.
SweepPlan plan_sweep(const std::vector<Cell>& cells, const Environment& environment);

/// The stages of one cell, each after its inputs. Its errors name no cell.
std::vector<PlannedStage> plan_cell(const Recipe& recipe, int64_t seed,
                                    const Environment& environment);

/// Refuses a recipe that its data set cannot serve, as soon as `record`, that of the dataset stage,
/// is known: hours before the stage that would stumble.
///
/// Errors  BadData: no training images, a reference split of fewer than two images or fewer than
///         kid_subset_size, a class condition without classes, or, unless `allow_missing`, too many
///         images without their condition; see check_conditions().
void check_against_data(const Recipe& recipe, const nlohmann::json& record,
                        bool allow_missing = false);

/// The names a recipe may use, from all registries.
KnownNames known_names();

}  // namespace oar
