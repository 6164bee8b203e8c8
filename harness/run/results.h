#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/store/stage.h"
#include "harness/sweep/sweep.h"

namespace oar {

/// How far a cell has come.
enum class CellStatus { kDone, kFailed, kDiverged, kInterrupted };

/// One stage of a cell as it ended. What it points at belongs to the sweep's work.
struct StageOutcome {
  std::string role;
  const StageNode* node = nullptr;
  const StageResult* result = nullptr;
};

/// One cell as it ended, and what it leaves in the record.
struct CellOutcome {
  CellStatus status = CellStatus::kInterrupted;
  std::string error;                 ///< empty for a cell that is done
  std::vector<StageOutcome> stages;  ///< those that ended
  bool out_of_memory = false;        ///< failed because memory, or the budget for it, is too small
};

/// What a record says of the run as a whole.
struct RunFacts {
  nlohmann::json machine;  ///< machine_record(), with `threads` and `run`
  nlohmann::json sweep;    ///< file, sha256, content, set: what it takes to run it again
};

/// results.json: every number with n, seed, extractor, weights' SHA-256, device, versions, commit,
/// and the cost of each stage. The schema stands in reports/README.md. `cells` are positions in the
/// sweep, and go with `outcomes`.
nlohmann::json make_results(const Sweep& sweep, const std::vector<size_t>& cells,
                            const std::vector<CellOutcome>& outcomes, const RunFacts& facts);

}  // namespace oar
