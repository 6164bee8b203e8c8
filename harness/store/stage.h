#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "harness/store/checkpoint.h"
#include "harness/store/cost_meter.h"
#include "harness/store/event_log.h"
#include "harness/store/progress.h"
#include "harness/store/stage_node.h"
#include "harness/store/store.h"

namespace oar {

/// What a run hands to each of its stages. None of it changes a result.
struct RunSettings {
  EventLog* log = nullptr;                            ///< hears of stages and of training curves
  double checkpoint_seconds = 20;                     ///< a killed training loses no more than this
  nlohmann::json made_by = nlohmann::json::object();  ///< for the manifests
  /// A failure noted from this time on is final, as if this process had met it; see
  /// utc_nanoseconds(). 0: notes are ignored, and every stage is tried.
  int64_t since = 0;
};

/// What a stage sees of the world: its configuration, the artifacts it reads, and a folder to write
/// to. The folder is the same one after an interruption, so a stage first looks for what it wrote
/// the last time: checkpoints under `scratch()`, which never become part of the artifact, and
/// finished files under `work()`, all of which do.
///
/// Errors  std::logic_error for a role that the node does not have.
class StageContext {
 public:
  /// Made by StageRunner, which holds the lock of the node.
  StageContext(const Store& store, const StageNode& node, Progress& progress, CostMeter& meter,
               const RunSettings& settings);

  const nlohmann::json& config() const { return node_.config; }
  std::filesystem::path input(const std::string& role) const;  ///< the input's folder
  nlohmann::json input_record(const std::string& role) const;
  bool has_input(const std::string& role) const;
  std::filesystem::path work() const { return store_.work(node_); }
  std::filesystem::path scratch() const { return store_.scratch(node_); }
  Progress& progress() { return progress_; }

  /// Tells the log a point of a training curve; `step` counts the images seen.
  void curve(const std::string& name, int64_t step, double value);

  /// Says when the next checkpoint is due.
  CheckpointClock checkpoint_clock() const { return CheckpointClock(settings_.checkpoint_seconds); }

  /// True after the first SIGINT or SIGTERM: finish the step, write a checkpoint, then call
  /// stop_if_requested.
  bool stop_requested() const;

  /// Call it once a step. Throws Interrupted if a stop is requested.
  void stop_if_requested();

  /// The other half of stop_if_requested(), for a loop that has looked at stop_requested() already:
  /// it writes to the disk, and a signal may come meanwhile.
  void save_cost_if_due();

 private:
  const StageInput& find(const std::string& role) const;

  const Store& store_;
  const StageNode& node_;
  Progress& progress_;
  CostMeter& meter_;
  const RunSettings& settings_;
};

/// Computes one artifact and returns the record that goes into its manifest. It is a pure function
/// of its configuration and inputs: the same bytes after any number of interruptions.
using StageFunction = std::function<nlohmann::json(StageContext&)>;

struct StageResult {
  bool cached = false;           ///< the artifact was there and `function` was not called
  nlohmann::json manifest;       ///< with `record`, what the function returned
  std::filesystem::path folder;  ///< the complete artifact

  const nlohmann::json& record() const { return manifest.at("record"); }
};

/// A training whose loss or gradient is no longer a finite number. Its cell is recorded as
/// `diverged`; the rest of the sweep goes on.
struct Diverged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An input that a stage wanted to read and that is not in the store, or not as it was written. It
/// has been moved aside; whoever makes it again can then run the stage.
struct MissingInput : std::runtime_error {
  MissingInput(const StageNode& node, const StageInput& input, const std::string& problem);
  std::string key;  ///< of the input
};

/// A stage that another process of the same run has tried in vain.
struct StageFailed : std::runtime_error {
  explicit StageFailed(StageFailure failure);
  StageFailure failure;
};

/// What is noted of a stage that ended with this exception; nothing for those that are no fault of
/// the stage: interruptions, a disk that refuses, a missing input.
std::optional<StageFailure> failure_of(const std::exception_ptr& error);

/// Runs the stages that nobody has run yet.
class StageRunner {
 public:
  StageRunner(const Store& store, Progress& progress, RunSettings settings = {})
      : store_(store), progress_(progress), settings_(std::move(settings)) {}

  /// Finds the artifact of `node` or makes it. Of several processes that ask for one key, one works
  /// and the others wait, saying for whom. A damaged artifact is named, moved aside and made again.
  /// The caller has told the progress the stage's title before.
  ///
  /// Errors  Whatever `function` throws, after noting it in the store (see failure_of); StageFailed
  ///         if another process of this run noted it; Interrupted; std::system_error from the
  ///         store; MissingInput. The working folder stays in each case, and the next run continues
  ///         in it.
  StageResult run(const StageNode& node, const StageFunction& function);

  /// The same, but nothing if another process is at work on it: `holder` says which.
  std::optional<StageResult> try_run(const StageNode& node, const StageFunction& function,
                                     std::string* holder);

  /// The artifact if it is there, whole: what a cached stage comes to.
  std::optional<StageResult> find(const StageNode& node) const;

  /// Why the stage could not be made the last time, if nobody has made it since.
  std::optional<StageFailure> noted_failure(const StageNode& node) const {
    return store_.noted_failure(node);
  }

  /// Takes part in a stage that another rank runs and writes.
  void follow(const StageNode& node, const StageFunction& function);

 private:
  StageResult run_locked(const StageNode& node, const StageFunction& function);
  void check_inputs(const StageNode& node);
  StageResult make(const StageNode& node, const StageFunction& function);

  const Store& store_;
  Progress& progress_;
  RunSettings settings_;
  std::set<std::string> sound_;  ///< keys of inputs whose files have been hashed again
};

}  // namespace oar
