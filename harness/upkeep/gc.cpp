#include "harness/upkeep/gc.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "harness/store/live_keys.h"
#include "harness/store/progress.h"
#include "harness/store/store.h"
#include "harness/store/store_listing.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

double now() { return static_cast<double>(utc_nanoseconds()) * 1e-9; }

/// Modification time in seconds since 1970; 0 where there is nothing.
double modified(const fs::path& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) return 0;
  return static_cast<double>(status.st_mtim.tv_sec) +
         1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

/// When anything below a folder was last written: checkpoints lie deep.
double last_written(const fs::path& folder) {
  double latest = modified(folder);
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    latest = std::max(latest, modified(entry->path()));
  }
  return latest;
}

std::set<std::string> names_of(const std::set<std::string>& keys) {
  std::set<std::string> names;
  for (const std::string& key : keys) names.insert(key.substr(0, kKeyDigits));
  return names;
}

/// One thing of the store that may be removed as a whole.
struct Thing {
  std::string stage, name;  ///< 32 digits
  fs::path path;
  double used = 0;
  int64_t bytes = 0;
};

class Collector {
 public:
  explicit Collector(const GcOptions& options)
      : options_(options),
        listing_(options.store),
        made_by_(names_of(options.made_by)),
        now_(now()) {
    find_protected();
    for (const auto& [stage, keys] : listing_.stages()) {
      for (const auto& [name, entry] : keys) look_at(stage, name, entry);
    }
    report_.bytes_after = report_.bytes_before;
  }

  GcReport collect() {
    for (const auto& [thing, reason] : leftovers_) remove(thing, reason);
    std::sort(artifacts_.begin(), artifacts_.end(), [](const Thing& a, const Thing& b) {
      return std::pair(a.used, a.name) < std::pair(b.used, b.name);
    });
    for (const Thing& thing : artifacts_) {
      if (const std::string reason = reason_of(thing); !reason.empty()) remove(thing, reason);
    }
    if (!options_.dry_run) remove_dead(live_folder(options_.store));
    return std::move(report_);
  }

 private:
  /// Keys that living processes list, what those were made from, and what the user keeps.
  void find_protected() {
    const LiveKeys live = live_keys(options_.store);
    if (!live.unreadable.empty()) {
      throw std::runtime_error(fmt::format(
          "{}: its process is alive and does not say which artifacts it needs; nothing is removed. "
          "Wait until it has ended, and run gc again",
          live.unreadable.front().string()));
    }
    std::map<std::string, std::string> stage_of;
    for (const auto& [stage, keys] : listing_.stages()) {
      for (const auto& [name, entry] : keys) stage_of[name] = stage;
    }
    std::vector<std::string> open;
    const auto protect = [&](const std::string& name, const char* reason) {
      if (protected_.emplace(name, reason).second) open.push_back(name);
    };
    for (const std::string& key : live.keys) {
      protect(key.substr(0, kKeyDigits), "a running process needs it");
    }
    while (!open.empty()) {
      const std::string name = open.back();
      open.pop_back();
      const auto stage = stage_of.find(name);
      if (stage == stage_of.end()) continue;
      std::ifstream in(options_.store / stage->second / name / "manifest.json");
      const json manifest = json::parse(in, nullptr, /*allow_exceptions=*/false);
      if (!manifest.is_object() || !manifest.contains("inputs")) continue;
      for (const json& input : manifest["inputs"]) {
        if (input.is_object() && input.contains("key") && input["key"].is_string()) {
          protect(input["key"].get<std::string>().substr(0, kKeyDigits),
                  "a running process needs what was made from it");
        }
      }
    }
    for (const std::string& key : options_.keep) {
      protected_.emplace(key.substr(0, kKeyDigits), "it is of a sweep to keep");
    }
  }

  /// Sorts what lies under one key into artifacts and leftovers.
  void look_at(const std::string& stage, const std::string& name, const StoreEntry& entry) {
    const auto thing = [&](const char* ending) {
      const fs::path path = options_.store / stage / (name + ending);
      Thing found{stage, name, path, 0, bytes_below(path)};
      report_.bytes_before += found.bytes;
      return found;
    };
    if (entry.artifact) {
      Thing artifact = thing("");
      artifact.used = modified(artifact.path / "manifest.json");
      if (artifact.used == 0) artifact.used = modified(artifact.path);
      artifacts_.push_back(std::move(artifact));
    }
    if (entry.removed) leftovers_.emplace_back(thing(".gc"), "left by a gc that was killed");
    if (entry.damaged) leftovers_.emplace_back(thing(".damaged"), "was found damaged");
    if (entry.work) {
      Thing work = thing(".work");
      work.used = last_written(work.path);
      if (const std::string reason = reason_of_leftover(work); !reason.empty()) {
        leftovers_.emplace_back(std::move(work), reason);
      }
    }
    if (entry.failure) {
      Thing note{stage, name, options_.store / stage / (name + ".failed.json"), 0, 0};
      note.used = modified(note.path);
      if (const std::string reason = reason_of_leftover(note); !reason.empty()) {
        leftovers_.emplace_back(std::move(note), reason);
      }
    }
  }

  /// Unfinished work goes by age and by sweep, and never for its size: it is what a resume saves.
  std::string reason_of_leftover(const Thing& thing) const {
    if (made_by_.contains(thing.name)) return "of the sweep";
    if (options_.older_than && now_ - thing.used > *options_.older_than) {
      return "not touched for " + duration_text(now_ - thing.used);
    }
    return "";
  }

  std::string reason_of(const Thing& thing) const {
    if (made_by_.contains(thing.name)) return "of the sweep";
    if (options_.older_than && now_ - thing.used > *options_.older_than) {
      return "not used for " + duration_text(now_ - thing.used);
    }
    if (options_.max_size && report_.bytes_after > *options_.max_size) return "least recently used";
    return "";
  }

  void remove(const Thing& thing, const std::string& reason) {
    if (interrupt_requested()) throw Interrupted();
    if (const auto keeps = protected_.find(thing.name); keeps != protected_.end()) {
      report_.spared.push_back({thing.path, keeps->second});
      return;
    }
    if (options_.dry_run) {
      const std::string holder =
          holder_of_lock(options_.store / thing.stage / (thing.name + ".lock"));
      if (!holder.empty()) {
        report_.spared.push_back({thing.path, holder + " works on it"});
        return;
      }
    } else {
      std::string holder;
      const auto lock =
          FileLock::try_lock(options_.store / thing.stage / (thing.name + ".lock"), &holder);
      if (lock == nullptr) {
        report_.spared.push_back({thing.path, holder + " works on it"});
        return;
      }
      delete_whole(thing);
    }
    report_.bytes_after -= thing.bytes;
    report_.removed.push_back({thing.path, thing.bytes, now_ - thing.used, reason});
  }

  /// Out of sight first, in one step; then piece by piece.
  void delete_whole(const Thing& thing) const {
    if (thing.path.extension() == ".json") {
      fs::remove(thing.path);
      return;
    }
    fs::path aside = options_.store / thing.stage / (thing.name + ".gc");
    if (aside != thing.path) {
      fs::remove_all(aside);
      fs::rename(thing.path, aside);
    }
    fs::remove_all(aside);
  }

  const GcOptions& options_;
  StoreListing listing_;
  std::set<std::string> made_by_;
  double now_;
  std::map<std::string, std::string> protected_;  ///< first digits of a key -> why it stays
  std::vector<Thing> artifacts_;
  std::vector<std::pair<Thing, std::string>> leftovers_;
  GcReport report_;
};

}  // namespace

GcReport collect_garbage(const GcOptions& options) {
  if (!options.has_criterion()) {
    throw std::invalid_argument(
        "gc removes nothing by itself: say --older-than 30d, --max-size 20GiB or --sweep "
        "SWEEP.json; --dry-run shows what would go");
  }
  std::unique_ptr<FileLock> alone;
  if (!options.dry_run) {
    alone = std::make_unique<FileLock>(live_lock(options.store), [](const std::string& holder) {
      fmt::print(stderr, "gc waits for {}, which is starting a run or cleaning the store\n",
                 holder);
    });
  }
  return Collector(options).collect();
}

std::vector<StageSize> stage_sizes(const fs::path& store) {
  const StoreListing listing(store);
  std::vector<StageSize> sizes;
  const double time = now();
  for (const auto& [stage, keys] : listing.stages()) {
    StageSize size{stage, 0, 0, 0};
    for (const auto& [name, entry] : keys) {
      if (!entry.artifact) continue;
      const fs::path folder = store / stage / name;
      ++size.artifacts;
      size.bytes += bytes_below(folder);
      size.oldest = std::max(size.oldest, time - modified(folder / "manifest.json"));
    }
    if (size.artifacts > 0) sizes.push_back(size);
  }
  return sizes;
}

double age_from_text(const std::string& text) {
  size_t end = 0;
  double number = -1;
  try {
    number = std::stod(text, &end);
  } catch (const std::logic_error&) {  // no number: refused below
  }
  const std::map<std::string, double> units = {
      {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
  const auto unit = units.find(text.substr(std::min(end, text.size())));
  if (number < 0 || !std::isfinite(number) || unit == units.end()) {
    throw std::invalid_argument(
        fmt::format("\"{}\" is no age; write a number and a unit: 90s, 45m, 12h, 30d, 2w", text));
  }
  return number * unit->second;
}

}  // namespace oar
