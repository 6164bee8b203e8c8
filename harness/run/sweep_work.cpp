#include "harness/run/sweep_work.h"

#include <fmt/format.h>

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "datasets/dataset.h"
#include "harness/exit_code.h"
#include "harness/stages/missing_conditions.h"
#include "harness/store/interrupt.h"
#include "models/distributed/communicator.h"

namespace oar {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);
constexpr int kMostRemakes = 3;  // of an input that is found damaged again and again
constexpr int64_t kNothingLeft = -1;

}  // namespace

SweepWork::SweepWork(const Sweep& sweep, const SweepPlan& plan, const std::vector<size_t>& cells,
                     const Store& store, Progress& progress, const RunSettings& settings,
                     Communicator* ranks)
    : sweep_(sweep),
      plan_(plan),
      cells_(cells),
      progress_(progress),
      settings_(settings),
      runner_(store, progress, settings),
      ranks_(ranks),
      stages_(plan.stages.size()) {
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    stage_of_key_.emplace(plan.stages[i].node.key, i);
    for (const StageInput& input : plan.stages[i].node.inputs) {
      stages_[i].inputs.push_back(stage_of_key_.at(input.key));
    }
  }
  std::set<size_t> wanted;
  for (const size_t cell : cells_) {
    for (const auto& [role, stage] : plan.cells[cell]) wanted.insert(stage);
  }
  now_.stages_total = wanted.size();
}

void SweepWork::run() {
  size_t first_open = 0;
  while (!stopped_) {
    std::set<size_t> busy;
    bool moved = false;
    while (first_open < cells_.size() && states_[cells_[first_open]].ended) ++first_open;
    if (first_open == cells_.size()) return;
    for (size_t i = first_open; i < cells_.size() && !stopped_; ++i) {
      if (states_[cells_[i]].ended || !advance(cells_[i], busy)) continue;
      moved = true;
      // Where one failure ends the sweep, another process may have met it in a cell before.
      if (sweep_.fail_fast || sweep_.stop_on_diverge) break;
    }
    if (!moved && !stopped_) wait(busy);
  }
}

/// Takes a cell as far as it goes now; true if anything has become of it.
bool SweepWork::advance(size_t cell, std::set<size_t>& busy) {
  bool moved = false;
  now_.cell = sweep_.cells[cell].id;
  for (const auto& [role, stage] : plan_.cells[cell]) {
    bool ready = true;
    for (const size_t input : stages_[stage].inputs) {
      ready = ready && stages_[input].state == State::kDone;
    }
    if (stages_[stage].state == State::kPending && ready && busy.count(stage) == 0) {
      moved = attempt(stage, role, busy) || moved;
    }
    if (role == "dataset" && stages_[stage].state == State::kDone &&
        !check_data(cell, stages_[stage].result)) {
      break;
    }
    if (stages_[stage].state == State::kFailed) break;
  }
  size_t pending = 0;
  for (const auto& [role, stage] : plan_.cells[cell]) {
    pending += stages_[stage].state == State::kPending;
  }
  if (pending == 0 || failure_of_cell(cell) != nullptr) {
    end_cell(cell);
    moved = true;
  }
  return moved;
}

/// Runs a stage whose inputs are there; false if another process is at work on it.
bool SweepWork::attempt(size_t stage, const std::string& role, std::set<size_t>& busy) {
  const PlannedStage& planned = plan_.stages[stage];
  progress_.stage(fmt::format("[{}/{}] {}", now_.stages_done + 1, now_.stages_total, role));
  if (settings_.log) {
    settings_.log->at_work_on({{"stage", planned.node.stage},
                               {"key", planned.node.key},
                               {"role", role},
                               {"cell", now_.cell}});
  }
  try {
    std::string holder;
    auto result = runner_.try_run(planned.node, announced(stage), &holder);
    if (!result) {
      busy.insert(stage);
      now_.waiting_for = fmt::format("{}, which is at work on {}", holder, planned.node.label());
      return false;
    }
    if (result->cached) say_cached(result->manifest);
    stages_[stage].state = State::kDone;
    stages_[stage].result = *std::move(result);
    ++now_.stages_done;
    if (settings_.log && !stages_[stage].result.cached) {
      settings_.log->write("stage_done", stages_[stage].result.manifest.at("cost"));
    }
    tell(false);
    return true;
  } catch (const Interrupted&) {
    progress_.abandon();
    throw;
  } catch (const std::system_error&) {
    progress_.abandon();
    throw;
  } catch (const RankLost&) {
    progress_.abandon();
    throw;
  } catch (const MissingInput& missing) {
    reopen(missing);
  } catch (...) {
    fail(stage, failure_of(std::current_exception()).value());
  }
  return true;
}

/// What a process of the same run has made was news when it did so.
void SweepWork::say_cached(const nlohmann::json& manifest) {
  const nlohmann::json made_by = manifest.value("made_by", nlohmann::json::object());
  const bool news = !made_by.contains("run") || made_by.at("run") != settings_.made_by.at("run");
  news ? progress_.cached() : progress_.abandon();
}

/// The stage's function, which says first that it runs.
StageFunction SweepWork::announced(size_t stage) const {
  return [this, stage](StageContext& context) {
    const PlannedStage& planned = plan_.stages[stage];
    if (settings_.log) settings_.log->write("stage_started", nlohmann::json::object());
    if (ranks_ == nullptr || !planned.data_parallel) return planned.function(context);
    ranks_->announce(static_cast<int64_t>(stage));
    try {
      return planned.function(context);
    } catch (const std::system_error& error) {
      fmt::print(stderr, "oar-bench: {}\n", error.what());
      ranks_->abort(kInputOutput);  // the others wait for numbers that will not come
      throw;
    }
  };
}

void SweepWork::fail(size_t stage, StageFailure failure) {
  progress_.abandon();
  const PlannedStage& planned = plan_.stages[stage];
  failure.message = fmt::format("{}: {}", planned.node.label(), failure.message);
  fmt::print(stderr, "{}\n", failure.message);
  if (settings_.log) {
    settings_.log->write("stage_failed",
                         {{"status", failure.status}, {"message", failure.message}});
  }
  stages_[stage].state = State::kFailed;
  stages_[stage].failure = std::move(failure);
}

/// An input was found damaged, or somebody has deleted it: it is made again, if it is of this plan.
void SweepWork::reopen(const MissingInput& missing) {
  progress_.abandon();
  const auto found = stage_of_key_.find(missing.key);
  if (found == stage_of_key_.end() || ++stages_[found->second].times_missing > kMostRemakes) {
    throw std::system_error(EIO, std::generic_category(), missing.what());
  }
  Stage& input = stages_[found->second];
  if (input.state == State::kDone) --now_.stages_done;
  input.state = State::kPending;
}

/// False if the data set cannot serve the cell.
bool SweepWork::check_data(size_t cell, const StageResult& dataset) {
  if (states_[cell].ended || !states_[cell].failure.message.empty()) return false;
  try {
    check_against_data(sweep_.cells[cell].recipe, dataset.record(), allow_missing_);
    say_missing(cell, dataset);
    return true;
  } catch (const BadData& error) {
    fmt::print(stderr, "{}: {}\n", sweep_.cells[cell].id, error.what());
    states_[cell].failure = {"failed", error.what(), true, utc_nanoseconds()};
    return false;
  }
}

/// A few images without a condition are no reason to stop, and one to say so, once.
void SweepWork::say_missing(size_t cell, const StageResult& dataset) {
  const std::string note = missing_conditions(sweep_.cells[cell].recipe, dataset.record());
  if (note.empty() || !said_missing_.insert(note).second) return;
  progress_.say(note);
  if (settings_.log) settings_.log->write("message", {{"text", note}});
}

void SweepWork::end_cell(size_t cell) {
  states_[cell].ended = true;
  if (const StageFailure* failure = failure_of_cell(cell)) {
    stopped_ = sweep_.fail_fast || (sweep_.stop_on_diverge && failure->status == "diverged");
  }
  tell(true);
}

const StageFailure* SweepWork::failure_of_cell(size_t cell) const {
  const auto state = states_.find(cell);
  if (state != states_.end() && !state->second.failure.message.empty()) {
    return &state->second.failure;
  }
  for (const auto& [role, stage] : plan_.cells[cell]) {
    const bool counts = !plan_.stages[stage].for_pictures;
    if (counts && stages_[stage].state == State::kFailed) return &stages_[stage].failure;
  }
  return nullptr;
}

/// Everything that could be made is in other hands.
void SweepWork::wait(const std::set<size_t>& busy) {
  if (interrupt_requested()) throw Interrupted();
  if (!busy.empty() && told_ != now_.waiting_for) {
    told_ = now_.waiting_for;
    progress_.say("waits for " + told_);
    if (settings_.log) settings_.log->write("waiting", {{"holder", told_}});
    tell(false);
  }
  std::this_thread::sleep_for(kPoll);
  now_.waiting_for.clear();
}

void SweepWork::tell(bool cell_ended) {
  if (listener_) listener_(now_, cell_ended);
}

void SweepWork::collect() {
  for (const size_t cell : cells_) {
    for (const auto& [role, stage] : plan_.cells[cell]) {
      if (stages_[stage].state != State::kPending) continue;
      const StageNode& node = plan_.stages[stage].node;
      if (auto found = runner_.find(node)) {
        stages_[stage].state = State::kDone;
        stages_[stage].result = *std::move(found);
        ++now_.stages_done;
      } else if (auto noted = runner_.noted_failure(node)) {
        stages_[stage].state = State::kFailed;
        stages_[stage].failure = *std::move(noted);
        stages_[stage].failure.message =
            fmt::format("{}: {}", node.label(), stages_[stage].failure.message);
      }
      if (role == "dataset" && stages_[stage].state == State::kDone) {
        check_data(cell, stages_[stage].result);
      }
    }
  }
}

std::vector<CellOutcome> SweepWork::outcomes() const {
  std::vector<CellOutcome> outcomes;
  for (const size_t cell : cells_) {
    CellOutcome outcome;
    size_t pending = 0;
    for (const auto& [role, stage] : plan_.cells[cell]) {
      if (stages_[stage].state == State::kDone) {
        outcome.stages.push_back({role, &plan_.stages[stage].node, &stages_[stage].result});
      }
      pending += stages_[stage].state == State::kPending && !plan_.stages[stage].for_pictures;
    }
    if (const StageFailure* failure = failure_of_cell(cell)) {
      outcome.status = failure->status == "diverged" ? CellStatus::kDiverged : CellStatus::kFailed;
      outcome.error = failure->message;
      outcome.out_of_memory = failure->status == kOutOfMemory;
    } else if (pending > 0) {
      outcome.status = CellStatus::kInterrupted;
      outcome.error = stopped_ ? "not run: the sweep stopped at an earlier failure"
                               : "interrupted; run the same command again to continue";
    } else {
      outcome.status = CellStatus::kDone;
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

bool SweepWork::only_bad_data() const {
  bool any = false;
  for (const size_t cell : cells_) {
    const StageFailure* failure = failure_of_cell(cell);
    if (failure == nullptr) continue;
    if (!failure->bad_data) return false;
    any = true;
  }
  return any;
}

void follow_ranks(const SweepPlan& plan, const Store& store, Communicator& ranks) {
  Progress silent;
  StageRunner runner(store, silent);
  for (int64_t stage = 0; (stage = ranks.announce(0)) != kNothingLeft;) {
    const PlannedStage& planned = plan.stages.at(static_cast<size_t>(stage));
    try {
      runner.follow(planned.node, planned.function);
    } catch (const Interrupted&) {  // all ranks have stopped together; rank 0 says what is next
    } catch (const RankLost&) {
      throw;
    } catch (const std::system_error& error) {
      fmt::print(stderr, "oar-bench: {}\n", error.what());
      ranks.abort(kInputOutput);
    } catch (const std::exception&) {  // rank 0 has met the same, and records it
    }
  }
  if (interrupt_requested()) throw Interrupted();
}

void dismiss_ranks(Communicator& ranks) { ranks.announce(kNothingLeft); }

}  // namespace oar
