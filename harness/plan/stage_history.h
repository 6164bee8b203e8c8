#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/store/stage_node.h"
#include "harness/store/store_listing.h"

namespace oar {

/// What a stage is made from, part by part: "train.images_seen", "input model", "stage version".
using StageParts = std::map<std::string, nlohmann::json>;
StageParts parts_of(const StageNode& node);

/// What the manifest of an artifact says about how it came to be.
struct PastArtifact {
  std::string key;
  int version = 0;
  StageParts parts;
  double work = 0, size = 0;  ///< 0 in manifests that say nothing of them
  double seconds = 0;         ///< wall time of all attempts
  int64_t bytes = 0;          ///< of its files
};

/// One thing in which a planned stage is not what an artifact was made from.
struct Difference {
  std::string name;              ///< as in StageParts
  nlohmann::json before, after;  ///< null where it was absent, or is; of inputs both are null
};

/// The version first, then the configuration, then inputs; empty where the two have one key.
std::vector<Difference> differences(const StageParts& before, const StageParts& now);

/// What earlier runs have left in a store, as far as a plan needs it: each manifest is read once,
/// and of a kind of stage no more than a sample of 256. Keys are hashes, so the first in order are
/// a sample that no run has chosen.
class StageHistory {
 public:
  explicit StageHistory(const StoreListing& listing) : listing_(listing) {}

  /// The sample of a kind of stage. Manifests that cannot be read are left out.
  const std::vector<PastArtifact>& sample(const std::string& stage);

  /// The artifact that `now` was before somebody edited the sweep: the one with `former_key`, else
  /// the one of the sample with the fewest differences. Null if the store has no such stage.
  const PastArtifact* nearest(const StageNode& now, const std::string& former_key);

  /// What the stage will take, from the median of seconds per work and of bytes per size over
  /// artifacts of the same stage and version; nothing if there is none.
  std::optional<double> expected_seconds(const StageNode& now);
  std::optional<double> expected_bytes(const StageNode& now);

 private:
  std::optional<double> expected(const StageNode& now, bool time);

  const StoreListing& listing_;
  std::map<std::string, std::vector<PastArtifact>> samples_;
  std::map<std::string, std::optional<PastArtifact>> former_;              ///< by key
  std::map<std::pair<std::string, int>, std::optional<double>> rates_[2];  ///< by stage, version
};

}  // namespace oar
