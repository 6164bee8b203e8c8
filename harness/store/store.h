#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "harness/store/cost_meter.h"
#include "harness/store/stage_node.h"
#include "harness/store/utc_time.h"

namespace oar {

/// What the store holds under a key.
struct Artifact {
  enum class State { kMissing, kComplete, kDamaged };
  State state = State::kMissing;
  std::string problem;      ///< kDamaged: which file, what was found, what the manifest says
  nlohmann::json manifest;  ///< kComplete only
};

/// What the manifest says of a finished stage, beside its files.
struct StageFacts {
  nlohmann::json record;   ///< what the stage found out
  StageCost cost;          ///< of all attempts
  nlohmann::json made_by;  ///< machine, program, and the run that made it
};

/// Wall seconds of a stage, out of its manifest.
double seconds_of(const nlohmann::json& manifest);

/// Status of a stage that memory, or the budget for it, was too small for.
inline constexpr char kOutOfMemory[] = "out of memory";

/// Why a stage could not be made.
struct StageFailure {
  std::string status;  ///< "failed", "diverged" or kOutOfMemory
  std::string message;
  bool bad_data = false;  ///< it was the data's fault
  int64_t time = 0;       ///< see utc_nanoseconds()
};

/// A folder of finished artifacts, shared by any number of processes:
///
///     <root>/<stage>/<key>/              complete: the stage's files and manifest.json
///     <root>/<stage>/<key>.work/         of an unfinished stage; survives its process
///     <root>/<stage>/<key>.work/scratch/ checkpoints: never part of the artifact
///     <root>/<stage>/<key>.lock          flock'ed by whoever works on the key
///     <root>/<stage>/<key>.damaged/      an artifact that was found damaged, moved out of the way
///     <root>/<stage>/<key>.failed.json   why it could not be made the last time
///     <root>/live/                       keys that running processes need; see live_file.h
///
/// where <key> is the first 32 hex digits. An artifact becomes visible by one rename, after each of
/// its files and then the manifest have reached the disk: a folder that is there is complete unless
/// somebody meddled with it, and meddling is found by the manifest's own hash and its list of files
/// with sizes and hashes. A manifest's modification time is when the artifact was last used.
/// Everything that writes expects the caller to hold the key's lock.
///
/// Errors  std::system_error (its text names the path) whenever the disk refuses; what is complete
///         by then stays untouched.
class Store {
 public:
  /// Makes the folder where it is missing. A store that can only be read is fine as long as
  /// everything asked of it is there.
  explicit Store(std::filesystem::path root);

  const std::filesystem::path& root() const { return root_; }

  /// Errors  BadData for a stage or key that is not made of letters, digits, _ and - only: records
  ///         of others name them, and nothing in those leads out of the store.
  std::filesystem::path folder(const std::string& stage, const std::string& key) const;
  std::filesystem::path folder(const StageNode& node) const { return folder(node.stage, node.key); }
  std::filesystem::path work(const StageNode& node) const;
  std::filesystem::path scratch(const StageNode& node) const { return work(node) / "scratch"; }
  std::filesystem::path lock_file(const std::string& stage, const std::string& key) const;
  std::filesystem::path lock_file(const StageNode& node) const {
    return lock_file(node.stage, node.key);
  }

  /// Looks at the manifest and at the size of each file; it does not hash them again.
  Artifact inspect(const std::string& stage, const std::string& key) const;
  Artifact inspect(const StageNode& node) const { return inspect(node.stage, node.key); }
  bool complete(const StageNode& node) const {
    return inspect(node).state == Artifact::State::kComplete;
  }

  /// Hashes every file again: which differs from the manifest, what was found; empty if none does.
  std::string damage(const std::string& stage, const std::string& key) const;

  /// Marks an artifact as used now. A store that cannot be written to does without.
  void touch(const std::string& stage, const std::string& key) const noexcept;

  /// Moves a damaged artifact to `<key>.damaged`, in place of an earlier one; returns that path.
  std::filesystem::path set_aside(const std::string& stage, const std::string& key) const;

  /// Makes the working folder, or cleans the one that a killed process left: half-written
  /// `*.tmp.<pid>` files and a manifest that does not fit go, everything else stays.
  void open_work(const StageNode& node) const;

  /// Closes the working folder: hashes and syncs each file outside scratch/, then writes the
  /// manifest, which is the commit point.
  void seal(const StageNode& node, const StageFacts& facts) const;
  bool sealed(const StageNode& node) const;

  /// Turns a sealed working folder into the artifact; returns its folder.
  std::filesystem::path publish(const StageNode& node) const;

  /// seal, then publish.
  std::filesystem::path finish(const StageNode& node, const StageFacts& facts) const;

  /// Returns once everything in the store is on the disk.
  void sync() const;

  /// Keeps why a stage could not be made, for other processes of the same run; publish() removes
  /// it.
  void note_failure(const StageNode& node, const StageFailure& failure) const;
  std::optional<StageFailure> noted_failure(const StageNode& node) const;

 private:
  std::filesystem::path failure_file(const StageNode& node) const;

  std::filesystem::path root_;
};

}  // namespace oar
