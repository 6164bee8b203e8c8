#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/run/results.h"
#include "harness/stages/pipeline.h"
#include "harness/store/stage.h"

namespace oar {

class Communicator;

/// What one process does for a sweep: every stage that its cells lack, beside any number of other
/// processes that do the same over one store. A stage that another is at work on is left to it, and
/// the next that can be made is taken; only where there is none the process waits. No stage is run
/// twice, and none twice in vain: what a process of the same run has tried is not tried again.
class SweepWork {
 public:
  /// What a listener may want to show.
  struct Now {
    std::string cell;         ///< id of the cell at hand
    std::string waiting_for;  ///< who holds what this process waits for; empty: it works
    size_t stages_done = 0, stages_total = 0;
  };

  /// Works on `cells`, positions in the sweep. `ranks` trains together with this process, or null.
  /// All references must outlive it, and settings.made_by names the run.
  SweepWork(const Sweep& sweep, const SweepPlan& plan, const std::vector<size_t>& cells,
            const Store& store, Progress& progress, const RunSettings& settings,
            Communicator* ranks = nullptr);

  /// Called whenever Now has changed, and with `cell_ended` after each cell.
  void listen(std::function<void(const Now&, bool cell_ended)> listener) {
    listener_ = std::move(listener);
  }

  /// Whether more than a few images may lack what model.condition asks for; see check_conditions().
  void allow_missing(bool allowed) { allow_missing_ = allowed; }

  /// Runs until every cell is done or has failed, or the sweep's strategy says stop. A cell that
  /// fails does not stop the others.
  ///
  /// Errors  Interrupted after a signal; std::system_error where the store cannot be written: the
  ///         next stage would meet the same. outcomes() is right in each case.
  void run();

  /// Takes what the store holds and runs nothing: stages that were made, and failures noted.
  void collect();

  /// How each of `cells` has come out so far, in their order. Cells that have not ended are
  /// `interrupted`.
  std::vector<CellOutcome> outcomes() const;

  /// True if there are failures, and each was the fault of the data.
  bool only_bad_data() const;

 private:
  enum class State { kPending, kDone, kFailed };
  struct Stage {
    State state = State::kPending;
    StageResult result;
    StageFailure failure;
    std::vector<size_t> inputs;  ///< positions of the stages it reads
    int times_missing = 0;
  };
  struct CellState {
    bool ended = false;
    StageFailure failure;  ///< of the cell itself, not of a stage: data that cannot serve it
  };

  bool advance(size_t cell, std::set<size_t>& busy);
  bool attempt(size_t stage, const std::string& role, std::set<size_t>& busy);
  void say_cached(const nlohmann::json& manifest);
  void end_cell(size_t cell);
  void fail(size_t stage, StageFailure failure);
  void reopen(const MissingInput& missing);
  bool check_data(size_t cell, const StageResult& dataset);
  void say_missing(size_t cell, const StageResult& dataset);
  void wait(const std::set<size_t>& busy);
  void tell(bool cell_ended);
  StageFunction announced(size_t stage) const;
  const StageFailure* failure_of_cell(size_t cell) const;

  const Sweep& sweep_;
  const SweepPlan& plan_;
  std::vector<size_t> cells_;
  Progress& progress_;
  RunSettings settings_;
  StageRunner runner_;
  Communicator* ranks_;
  std::vector<Stage> stages_;
  std::unordered_map<size_t, CellState> states_;
  std::unordered_map<std::string, size_t> stage_of_key_;
  std::function<void(const Now&, bool)> listener_;
  Now now_;
  bool stopped_ = false;
  bool allow_missing_ = false;
  std::string told_;                    ///< the wait that has been announced
  std::set<std::string> said_missing_;  ///< what has been said of images without a condition
};

/// Takes part, as a rank above 0, in the trainings that rank 0 announces, until it says that all is
/// done.
///
/// Errors  RankLost; Interrupted once all ranks have stopped for a signal.
void follow_ranks(const SweepPlan& plan, const Store& store, Communicator& ranks);

/// Tells the other ranks that there is nothing left to train.
void dismiss_ranks(Communicator& ranks);

}  // namespace oar
