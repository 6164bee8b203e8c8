#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/plan/stage_history.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/sweep.h"

namespace oar {

/// How a planned stage stands in the store.
enum class StageState { kCached, kToDo, kRunning, kFailed, kDamaged };

/// `cached`, `to do`, `at work`, `failed`, `damaged`.
std::string name_of(StageState state);

/// What will become of one stage of a plan.
///
/// Units  seconds of wall time, bytes on the disk.
struct StageOutlook {
  StageState state = StageState::kToDo;
  std::string note;    ///< who is at work, why it failed, what is damaged; empty otherwise
  bool begun = false;  ///< an unfinished attempt is there and will be continued
  size_t first_cell = 0, cells = 0;      ///< the first of the cells that use it, and how many do
  std::optional<double> seconds, bytes;  ///< what it will take; nothing: no like stage has run

  // Only of the stages of cells that are shown, see SweepOutlook::shown:
  bool is_new = true;               ///< the store has no artifact that it could be a change of
  std::vector<Difference> changed;  ///< what it differs in from the nearest artifact
};

/// What a run of the sweep would do.
struct SweepOutlook {
  std::vector<StageOutlook> stages;  ///< as SweepPlan::stages
  size_t shown = 0;                  ///< the first so many cells were looked at in every detail
  int64_t free_bytes = -1;           ///< of the store's disk; -1: the system does not tell
};

/// Where a plan looks.
struct OutlookOptions {
  std::filesystem::path store;
  std::filesystem::path out;  ///< a results.json there says which artifacts a cell had last time
  size_t show = 40;           ///< cells
};

/// Looks at the store once. Artifacts of shown cells are opened and their files' sizes compared;
/// others are known by their names alone, so that 10,000 cells take a second.
///
/// Errors  std::system_error if the store cannot be listed.
SweepOutlook outlook_of(const Sweep& sweep, const SweepPlan& plan, const OutlookOptions& options);

/// Sums over a plan.
struct OutlookTotals {
  size_t cells = 0, stages = 0, uses = 0;  ///< `uses`: stages of all cells, shared ones repeatedly
  size_t cached = 0, to_do = 0, failed = 0, damaged = 0, running = 0;  ///< `to_do`: all not cached
  double seconds = 0, bytes = 0;
  size_t unknown_seconds = 0, unknown_bytes = 0;  ///< stages that the sums leave out
};
OutlookTotals totals_of(const SweepPlan& plan, const SweepOutlook& outlook);

}  // namespace oar
