#include "harness/upkeep/verify.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "harness/run/finished_cell.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/stages.h"
#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "harness/store/machine.h"
#include "harness/store/stage_node.h"
#include "harness/store/store.h"
#include "harness/store/store_listing.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kOtherProcessor = 1e-9;
constexpr unsigned kMostReaders = 8;  // more would only wait for the disk

const char kRunAgain[] =
    "`oar-bench verify --set-aside` moves it out of the way; then run the sweep again to make it "
    "anew";

/// An artifact that is to be looked at; `key` is as much of it as is known.
struct Suspect {
  std::string stage, key;
  json listed;  ///< the stage in results.json; null where the store itself is verified
};

json manifest_of(const fs::path& folder) {
  std::ifstream in(folder / "manifest.json");
  return json::parse(in, nullptr, /*allow_exceptions=*/false);
}

/// The key that a manifest's own words give; a text where they are not words of a manifest.
std::string recomputed_key(const json& manifest) {
  std::vector<std::pair<std::string, StageNode>> inputs;
  for (const auto& [role, input] : manifest.at("inputs").items()) {
    inputs.push_back({role, {input.at("stage"), 1, {}, {}, input.at("key")}});
  }
  return make_node(manifest.at("stage"), manifest.at("version"), manifest.at("config"), inputs).key;
}

/// Files of an artifact that its manifest does not list.
std::string stranger_in(const fs::path& folder, const json& manifest) {
  std::error_code error;  // gc may take the artifact meanwhile, which is looked at again
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().lexically_relative(folder).generic_string();
    if (entry->is_directory(error) || name == "manifest.json") continue;
    if (!manifest.at("files").contains(name)) return name;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw fs::filesystem_error("cannot list an artifact", folder, error);
  }
  return {};
}

/// The largest relative difference between two JSON values of one shape; infinite where anything
/// but a number differs.
double distance(const json& a, const json& b) {
  if (a.is_number() && b.is_number()) {
    const auto x = a.get<double>(), y = b.get<double>();
    return x == y ? 0 : std::abs(x - y) / std::max(std::abs(x), std::abs(y));
  }
  if (a.type() != b.type() || a.size() != b.size()) return INFINITY;
  if (!a.is_structured()) return a == b ? 0 : INFINITY;
  double largest = 0;
  if (a.is_array()) {
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, distance(a[i], b[i]));
    return largest;
  }
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key)) return INFINITY;
    largest = std::max(largest, distance(value, b.at(key)));
  }
  return largest;
}

/// Where two records first differ, for a message: "/scores/0/value: 12.5, 12.6".
std::string first_difference(const json& expected, const json& found) {
  const json changes = json::diff(expected, found);
  if (changes.empty()) return "nothing";
  const std::string path = changes[0].at("path");
  const json::json_pointer at(path);
  const auto shown = [&](const json& value) {
    const std::string text = value.contains(at) ? value.at(at).dump() : "nothing";
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  };
  return fmt::format("{}: {} against {}", path, shown(expected), shown(found));
}

/// What is wrong with an artifact now that its lock is held; empty if nothing is any more.
using LookAgain = std::function<std::string()>;

class Verifier {
 public:
  Verifier(const VerifyOptions& options, Progress& progress)
      : options_(options), progress_(progress), store_(options.store) {
    options.run ? list_run(*options.run / "results.json") : list_store();
  }

  VerifyReport verify() {
    hash_all();
    for (const Suspect& suspect : suspects_) {
      if (interrupt_requested()) throw Interrupted();
      if (suspect.stage != "scores" || damaged_.contains(suspect.key)) continue;
      try {
        rescore(suspect);
      } catch (const std::system_error&) {
        throw;
      } catch (const std::exception& error) {
        const fs::path folder = store_.folder(suspect.stage, suspect.key);
        add_damage(suspect, folder,
                   fmt::format("its scores cannot be computed again: {}", error.what()),
                   same_manifest(folder, manifest_of(folder)));
      }
    }
    std::sort(report_.problems.begin(), report_.problems.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(report_);
  }

 private:
  void list_run(const fs::path& file) {
    const json results = read_results(file.parent_path());
    record_file_ = file;
    std::set<std::string> seen;
    for (const json& cell : results.at("cells")) {
      for (const json& stage : cell.at("stages")) {
        if (seen.insert(stage.at("key")).second) {
          suspects_.push_back({stage.at("stage"), stage.at("key"), stage});
        }
      }
    }
  }

  void list_store() {
    const StoreListing listing(options_.store);
    for (const auto& [stage, keys] : listing.stages()) {
      for (const auto& [name, entry] : keys) {
        if (!entry.artifact) continue;
        const json manifest = manifest_of(options_.store / stage / name);
        const bool fits = manifest.is_object() && manifest.contains("key") &&
                          manifest["key"].is_string() &&
                          manifest["key"].get<std::string>().starts_with(name);
        suspects_.push_back({stage, fits ? manifest["key"].get<std::string>() : name, nullptr});
      }
    }
  }

  /// Reads every artifact, several at a time; this thread tells how far they are.
  void hash_all() {
    progress_.stage("verify");
    progress_.begin("artifacts", static_cast<int64_t>(suspects_.size()));
    std::atomic<size_t> next = 0, done = 0, running = 0;
    std::exception_ptr failed;
    const auto read = [&] {
      for (size_t i = next++; i < suspects_.size() && !interrupt_requested(); i = next++) {
        try {
          look_at(suspects_[i]);
        } catch (...) {
          const std::lock_guard guard(mutex_);
          failed = std::current_exception();
        }
        ++done;
      }
      --running;
    };
    std::vector<std::thread> readers;
    const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, kMostReaders);
    running = count;
    for (unsigned i = 0; i < count; ++i) readers.emplace_back(read);
    while (running > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      progress_.update(static_cast<int64_t>(done));
    }
    for (std::thread& reader : readers) reader.join();
    if (interrupt_requested()) throw Interrupted();
    if (failed) std::rethrow_exception(failed);
    progress_.update(static_cast<int64_t>(done));
    progress_.end();
  }

  void look_at(const Suspect& suspect) {
    const fs::path folder = store_.folder(suspect.stage, suspect.key);
    std::string found = damage_of(suspect, folder);
    if (!found.empty() && suspect.listed.is_null() && !fs::exists(folder)) return;  // gc took it
    {
      const std::lock_guard guard(mutex_);
      ++report_.artifacts;
      report_.bytes += bytes_below(folder);
    }
    if (!found.empty()) {
      add_damage(suspect, folder, std::move(found), [&] { return damage_of(suspect, folder); });
    } else if (!suspect.listed.is_null()) {
      compare_with_record(suspect, folder);
    }
  }

  /// What is wrong with an artifact by itself, or nothing.
  std::string damage_of(const Suspect& suspect, const fs::path& folder) const {
    std::string found = store_.damage(suspect.stage, suspect.key);
    if (!found.empty()) return found;
    const json manifest = manifest_of(folder);
    try {
      const std::string key = recomputed_key(manifest);
      if (key != suspect.key) {
        return fmt::format(
            "its stage, version, configuration and inputs have the key {}, it is stored under {}",
            key.substr(0, 12), suspect.key.substr(0, 12));
      }
      const std::string stranger = stranger_in(folder, manifest);
      if (!stranger.empty()) return fmt::format("{} is not in its manifest", stranger);
    } catch (const json::exception& error) {
      return fmt::format("its manifest.json lacks something: {}", error.what());
    } catch (const std::logic_error& error) {
      return fmt::format("its manifest.json is that of no stage: {}", error.what());
    }
    return {};
  }

  void compare_with_record(const Suspect& suspect, const fs::path& folder) {
    const json manifest = manifest_of(folder);
    if (manifest.at("record") == suspect.listed.at("record")) return;
    add_problem({record_file_,
                 fmt::format("the record of {} {} is not the one that the store holds; {}",
                             suspect.stage, suspect.key.substr(0, 12),
                             first_difference(manifest.at("record"), suspect.listed.at("record"))),
                 "run the sweep again: it writes the record anew from the store"});
  }

  /// Computes the scores again from the features they were computed from.
  void rescore(const Suspect& suspect) {
    const fs::path folder = store_.folder(suspect.stage, suspect.key);
    const json manifest = manifest_of(folder);
    if (manifest.at("version") != kScoresVersion) {
      report_.notes.push_back(fmt::format("{}: scores of version {} are not computed again",
                                          folder.string(), manifest.at("version").dump()));
      return;
    }
    std::map<std::string, FeatureArtifact> features;
    for (const auto& [role, input] : manifest.at("inputs").items()) {
      const Artifact artifact = store_.inspect(input.at("stage"), input.at("key"));
      if (artifact.state != Artifact::State::kComplete || damaged_.contains(input.at("key"))) {
        report_.notes.push_back(fmt::format(
            "{}: not computed again, the {} features are gone or damaged", folder.string(), role));
        return;
      }
      features[role] = {store_.folder(input.at("stage"), input.at("key")),
                        artifact.manifest.at("record")};
    }
    json made_by = manifest.value("made_by", json::object());
    if (!made_by.is_object()) made_by = json::object();
    at::set_num_threads(std::max(1, made_by.value("threads", at::get_num_threads())));
    const json found = json::parse(
        scores_of(manifest.at("config"), features.at("generated"), features.at("reference"))
            .dump());
    ++report_.rescored;
    const json& stored = manifest.at("record").at("scores");
    if (found == stored) return;
    const auto processor = [](const json& machine) {
      return machine.value("/processor/model"_json_pointer, json(nullptr));
    };
    const bool elsewhere =
        !made_by.contains("processor") || processor(made_by) != processor(machine_record("cpu"));
    if (elsewhere && distance(found, stored) <= kOtherProcessor) {
      report_.notes.push_back(fmt::format(
          "{}: computed on another kind of processor, the scores agree to a relative {:.1e}",
          folder.string(), distance(found, stored)));
      return;
    }
    add_damage(suspect, folder,
               fmt::format("computed again from its features, the scores differ: {}",
                           first_difference(stored, found)),
               same_manifest(folder, manifest));
  }

  /// Says that scores are still those that were found wrong.
  static LookAgain same_manifest(const fs::path& folder, const json& manifest) {
    return [folder, manifest] {
      return manifest_of(folder) == manifest ? "its scores are wrong" : std::string();
    };
  }

  /// Notes what was found, and moves the artifact away if that was asked for and is still so.
  void add_damage(const Suspect& suspect, const fs::path& folder, std::string found,
                  const LookAgain& look_again) {
    VerifyProblem problem{folder, std::move(found), kRunAgain};
    if (!fs::exists(folder)) {
      problem.next = "run the sweep again to make it, or name the store that it ran with (--store)";
    } else if (options_.set_aside) {
      std::string holder;
      const auto lock = FileLock::try_lock(store_.lock_file(suspect.stage, suspect.key), &holder);
      if (lock == nullptr) {
        problem.next = holder + " works on it; verify again when it has ended";
      } else if (look_again().empty()) {  // whoever held the lock has made it anew
        return;
      } else {
        problem.next = fmt::format("moved to {}; run the sweep again to make it anew",
                                   store_.set_aside(suspect.stage, suspect.key).string());
        problem.set_aside = true;
      }
    }
    const std::lock_guard guard(mutex_);
    damaged_.insert(suspect.key);
    report_.problems.push_back(std::move(problem));
  }

  void add_problem(VerifyProblem problem) {
    const std::lock_guard guard(mutex_);
    report_.problems.push_back(std::move(problem));
  }

  const VerifyOptions& options_;
  Progress& progress_;
  Store store_;
  fs::path record_file_;
  std::vector<Suspect> suspects_;
  std::mutex mutex_;  ///< of what follows, while the readers are at work
  std::set<std::string> damaged_;
  VerifyReport report_;
};

}  // namespace

VerifyReport verify(const VerifyOptions& options, Progress& progress) {
  return Verifier(options, progress).verify();
}

}  // namespace oar
