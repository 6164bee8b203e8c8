#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace oar {

/// What may go. Everything that one of the criteria names goes, unless it must stay.
///
/// Units  seconds, bytes.
struct GcOptions {
  std::filesystem::path store;
  std::optional<double> older_than;  ///< not used for so long
  std::optional<int64_t> max_size;   ///< least recently used first, until the store is this small
  std::set<std::string> made_by;     ///< whole keys: these
  std::set<std::string> keep;        ///< whole keys: never these
  bool dry_run = false;

  bool has_criterion() const { return older_than || max_size || !made_by.empty(); }
};

/// Something that was removed, or would be.
struct GcRemoval {
  std::filesystem::path path;
  int64_t bytes = 0;
  double unused = 0;   ///< seconds since its last use
  std::string reason;  ///< "not used for 40d", "least recently used", "of the sweep", "leftover"
};

/// Something that a criterion named and that stays.
struct GcSpared {
  std::filesystem::path path;
  std::string reason;  ///< "a running process needs it", "process 4711 on node7 works on it"
};

struct GcReport {
  std::vector<GcRemoval> removed;
  std::vector<GcSpared> spared;
  int64_t bytes_before = 0, bytes_after = 0;
};

/// Removes whole artifacts, and what killed processes have left: `.gc` and `.damaged` folders, the
/// files of dead processes in live/, and unfinished work and notes of failures that the criteria
/// name.
///
/// Never removed: a key that a living process lists in live/, the inputs of such a key, and a key
/// whose lock somebody holds. live.lock is held all the while, and each key's own lock while it
/// goes; the artifact is renamed to <key>.gc before anything of it is deleted, so a crash leaves no
/// half artifact, only a leftover for the next gc. Lock files stay: a process may have opened one
/// and wait for it, and after an unlink it would hold "the" lock beside whoever makes the file
/// anew. They are a few bytes each.
///
/// When something was last used is the modification time of its manifest.
///
/// Errors  std::invalid_argument without a criterion; std::runtime_error if a living process does
///         not say what it needs; Interrupted; std::system_error if the store refuses.
GcReport collect_garbage(const GcOptions& options);

/// What the artifacts of one stage take.
struct StageSize {
  std::string stage;
  int64_t artifacts = 0, bytes = 0;
  double oldest = 0;  ///< seconds since the one that was not used for longest was used
};
std::vector<StageSize> stage_sizes(const std::filesystem::path& store);

/// "30d", "12h", "45m", "90s", "2w" in seconds.
///
/// Errors  std::invalid_argument for another text.
double age_from_text(const std::string& text);

}  // namespace oar
