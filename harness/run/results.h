#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/stages/environment.h"
#include "harness/store/stage.h"
#include "harness/sweep/sweep.h"

namespace oar {

/// How far a cell has come.
enum class CellStatus { kDone, kFailed, kDiverged, kInterrupted };

/// One stage of a cell as it ended.
struct StageOutcome {
  std::string role;
  StageNode node;
  StageResult result;
};

/// One cell as it ended, and what it leaves in the record.
struct CellOutcome {
  CellStatus status = CellStatus::kInterrupted;
  std::string error;                 ///< empty for a cell that is done
  std::vector<StageOutcome> stages;  ///< those that ended
};

/// results.json: every number with n, seed, extractor, weights' SHA-256, device, versions, commit,
/// and the time of each stage. The schema stands in reports/README.md.
///
/// `cells` and `outcomes` go together by position.
nlohmann::json make_results(const Sweep& sweep, const std::vector<CellOutcome>& outcomes,
                            const Environment& environment);

}  // namespace oar
