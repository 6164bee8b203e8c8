#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/store/checkpoint.h"
#include "harness/store/cost_meter.h"
#include "harness/store/event_log.h"
#include "harness/store/progress.h"
#include "harness/store/stage_node.h"
#include "harness/store/store.h"

namespace oar {

/// What a run hands to each of its stages. None of it changes a result.
struct RunSettings {
  EventLog* log = nullptr;         ///< hears of stages and of training curves
  double checkpoint_seconds = 20;  ///< a killed training loses no more than this
  std::string run_id;              ///< of the command that runs; see Store::seal
  int64_t since = 0;  ///< a failure noted before this time is tried again; see utc_nanoseconds()
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
  double seconds = 0;            ///< wall time the stage took when it ran, all attempts together
  nlohmann::json record;         ///< what the function returned
  std::filesystem::path folder;  ///< the complete artifact
};

/// Runs the stages that nobody has run yet.
class StageRunner {
 public:
  StageRunner(const Store& store, Progress& progress) : store_(store), progress_(progress) {}

  /// Finds the artifact of `node` or makes it. Of several processes that ask for one key, one works
  /// and the others wait, saying for whom. A damaged artifact is named, moved aside and made again.
  /// The caller has told the progress the stage's title before.
  ///
  /// Errors  Whatever `function` throws; Interrupted; std::system_error from the store;
  ///         std::runtime_error if an input is not in the store. The working folder stays in each
  ///         case, and the next run continues in it.
  StageResult run(const StageNode& node, const StageFunction& function);

 private:
  void check_inputs(const StageNode& node) const;
  StageResult make(const StageNode& node, const StageFunction& function);

  const Store& store_;
  Progress& progress_;
};

}  // namespace oar
