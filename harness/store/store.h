#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/store/stage_node.h"

namespace oar {

/// What the store holds under a key.
struct Artifact {
  enum class State { kMissing, kComplete, kDamaged };
  State state = State::kMissing;
  std::string problem;      ///< kDamaged: which file, what was found, what the manifest says
  nlohmann::json manifest;  ///< kComplete only
};

/// A folder of finished artifacts, shared by any number of processes:
///
///     <root>/<stage>/<key>/              complete: the stage's files and manifest.json
///     <root>/<stage>/<key>.work/         of an unfinished stage; survives its process
///     <root>/<stage>/<key>.work/scratch/ checkpoints: never part of the artifact
///     <root>/<stage>/<key>.lock          flock'ed by whoever works on the key
///     <root>/<stage>/<key>.damaged/      an artifact that was found damaged, moved out of the way
///
/// where <key> is the first 32 hex digits. An artifact becomes visible by one rename, after each of
/// its files and then the manifest have reached the disk: a folder that is there is complete unless
/// somebody meddled with it, and meddling is found by the manifest's list of files and sizes.
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
  std::filesystem::path folder(const std::string& stage, const std::string& key) const;
  std::filesystem::path folder(const StageNode& node) const { return folder(node.stage, node.key); }
  std::filesystem::path work(const StageNode& node) const;
  std::filesystem::path scratch(const StageNode& node) const { return work(node) / "scratch"; }
  std::filesystem::path lock_file(const StageNode& node) const;

  /// Looks at the manifest and at the size of each file; it does not hash them again.
  Artifact inspect(const std::string& stage, const std::string& key) const;
  Artifact inspect(const StageNode& node) const { return inspect(node.stage, node.key); }
  bool complete(const StageNode& node) const {
    return inspect(node).state == Artifact::State::kComplete;
  }

  /// Moves a damaged artifact to `<key>.damaged`, in place of an earlier one; returns that path.
  std::filesystem::path set_aside(const StageNode& node) const;

  /// Makes the working folder, or cleans the one that a killed process left: half-written
  /// `*.tmp.<pid>` files and a manifest that does not fit go, everything else stays.
  void open_work(const StageNode& node) const;

  /// Closes the working folder: hashes and syncs each file outside scratch/, then writes the
  /// manifest, which is the commit point. `seconds` is the time the whole stage took.
  void seal(const StageNode& node, const nlohmann::json& record, double seconds) const;
  bool sealed(const StageNode& node) const;

  /// Turns a sealed working folder into the artifact; returns its folder.
  std::filesystem::path publish(const StageNode& node) const;

  /// seal, then publish.
  std::filesystem::path finish(const StageNode& node, const nlohmann::json& record,
                               double seconds) const;

 private:
  std::filesystem::path root_;
};

}  // namespace oar
