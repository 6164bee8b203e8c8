#include "harness/upkeep/export_cells.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/dataset.h"
#include "harness/run/exhibits.h"
#include "harness/run/finished_cell.h"
#include "harness/stages/artifacts.h"
#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "harness/store/live_keys.h"
#include "harness/store/store.h"
#include "harness/store/store_listing.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The record with the wanted cells alone.
json record_of(const ExportOptions& options) {
  std::set<std::string> ids;
  for (const std::string& cell : options.cells) {
    ids.insert(open_finished_cell(options.run, cell, options.store).id());
  }
  json results = read_results(options.run);
  if (ids.empty()) return results;
  json cells = json::array();
  for (json& cell : results.at("cells")) {
    if (ids.contains(cell.at("id"))) cells.push_back(std::move(cell));
  }
  results["cells"] = std::move(cells);
  return results;
}

/// Stage by key, over all cells: what the cells list, and what those artifacts were made from.
std::map<std::string, std::string> artifacts_of(const json& results, const Store& store) {
  std::map<std::string, std::string> wanted;
  std::vector<std::pair<std::string, std::string>> open;
  const auto want = [&](const std::string& stage, const std::string& key) {
    if (wanted.emplace(key, stage).second) open.emplace_back(stage, key);
  };
  for (const json& cell : results.at("cells")) {
    for (const json& stage : cell.at("stages")) want(stage.at("stage"), stage.at("key"));
  }
  while (!open.empty()) {
    const auto [stage, key] = open.back();
    open.pop_back();
    const Artifact artifact = store.inspect(stage, key);
    if (artifact.state != Artifact::State::kComplete) {
      throw BadData(fmt::format(
          "{}: cannot be copied, it is {}; run the sweep again to make it, or name the store that "
          "it ran with (--store)",
          store.folder(stage, key).string(),
          artifact.state == Artifact::State::kMissing ? "not there"
                                                      : "damaged: " + artifact.problem));
    }
    for (const json& input : artifact.manifest.at("inputs")) {
      want(input.at("stage"), input.at("key"));
    }
  }
  return wanted;
}

/// Copies one artifact under a temporary name, hashes it there, and renames it.
int64_t copy_artifact(const Store& from, const Store& to, const std::string& stage,
                      const std::string& key) {
  const fs::path source = from.folder(stage, key), target = to.folder(stage, key);
  fs::create_directories(target.parent_path());
  if (to.inspect(stage, key).state == Artifact::State::kComplete) return 0;
  fs::remove_all(target);
  const Store apart(to.root() / "incoming");
  const fs::path made = apart.folder(stage, key);
  fs::remove_all(made);
  fs::create_directories(made.parent_path());
  fs::copy(source, made, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const std::string problem = apart.damage(stage, key);
  if (!problem.empty()) {
    fs::remove_all(made);
    throw BadData(fmt::format(
        "{}: {}; `oar-bench verify --set-aside` moves it out of the way, then run the sweep again",
        source.string(), problem));
  }
  fs::rename(made, target);
  return bytes_below(target);
}

}  // namespace

ExportReport export_cells(const ExportOptions& options, Progress& progress) {
  const json results = record_of(options);
  const fs::path record = options.out / "results.json";
  if (fs::exists(record) && read_json(record).at("cells") != results.at("cells")) {
    throw std::invalid_argument(fmt::format(
        "--out: {} is the record of other cells; name another folder", record.string()));
  }
  const Store from(options.store);
  const auto artifacts = artifacts_of(results, from);
  std::vector<std::string> keys;
  for (const auto& [key, stage] : artifacts) keys.push_back(key);
  const auto live = hold_keys(options.store, "export", keys,
                              [&](const std::string& line) { progress.say(line); });
  const Store to(options.out / "store");
  const FileLock alone(options.out / "export.lock", [&](const std::string& holder) {
    progress.say(fmt::format("waits for {}, which exports into the same folder", holder));
  });
  ExportReport report;
  report.cells = static_cast<int64_t>(results.at("cells").size());
  progress.stage("export");
  progress.begin("artifacts", static_cast<int64_t>(artifacts.size()));
  int64_t done = 0;
  for (const auto& [key, stage] : artifacts) {
    if (interrupt_requested()) throw Interrupted();
    const int64_t bytes = copy_artifact(from, to, stage, key);
    report.artifacts += bytes > 0;
    report.bytes += bytes;
    progress.update(++done);
  }
  fs::remove_all(to.root() / "incoming");
  copy_exhibits(results, options.run, options.out);
  to.sync();  // the record promises that all of it is there
  write_json(record, results);
  progress.end();
  return report;
}

}  // namespace oar
