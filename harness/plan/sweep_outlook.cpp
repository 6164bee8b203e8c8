#include "harness/plan/sweep_outlook.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "harness/store/store.h"
#include "harness/store/store_listing.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The keys that the last run's record lists, by cell and role.
using FormerKeys = std::map<std::pair<std::string, std::string>, std::string>;

FormerKeys read_former_keys(const fs::path& out) {
  FormerKeys keys;
  std::ifstream in(out / "results.json");
  const json results = json::parse(in, nullptr, /*allow_exceptions=*/false);
  try {
    for (const json& cell : results.at("cells")) {
      for (const json& stage : cell.at("stages")) {
        keys[{cell.at("id"), stage.at("role")}] = stage.at("key");
      }
    }
  } catch (const json::exception&) {  // no record, or none of ours: nothing is known of last time
  }
  return keys;
}

/// A plan reads a record of this many cells; a larger one would cost more than it tells.
constexpr int64_t kLargestRecord = 64 << 20;

int64_t free_bytes_near(fs::path folder) {
  std::error_code error;
  folder = fs::absolute(folder, error);
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  const fs::space_info space = fs::space(folder, error);
  return error ? -1 : static_cast<int64_t>(space.available);
}

/// What the names in the store tell of a stage.
void look_at_names(const StoreListing& listing, const StageNode& node, StageOutlook& stage) {
  const StoreEntry entry = listing.at(node.stage, node.key);
  stage.begun = entry.work;
  if (entry.artifact) {
    stage.state = StageState::kCached;
    return;
  }
  const fs::path place = listing.root() / node.stage / node.key.substr(0, kKeyDigits);
  if (entry.lock) {
    const std::string holder = holder_of_lock(fs::path(place) += ".lock");
    if (!holder.empty()) {
      stage.state = StageState::kRunning;
      stage.note = holder;
      return;
    }
  }
  if (entry.failure) stage.state = StageState::kFailed;
}

/// What only the files themselves tell.
void look_inside(const Store& store, const StageNode& node, StageOutlook& stage) {
  if (stage.state == StageState::kCached) {
    const Artifact artifact = store.inspect(node);
    if (artifact.state != Artifact::State::kDamaged) return;
    stage.state = StageState::kDamaged;
    stage.note = artifact.problem;
  } else if (stage.state == StageState::kFailed) {
    if (const auto failure = store.noted_failure(node)) stage.note = failure->message;
  }
}

}  // namespace

std::string name_of(StageState state) {
  switch (state) {
    case StageState::kCached:
      return "cached";
    case StageState::kToDo:
      return "to do";
    case StageState::kRunning:
      return "at work";
    case StageState::kFailed:
      return "failed";
    case StageState::kDamaged:
      return "damaged";
  }
  return "?";
}

SweepOutlook outlook_of(const Sweep& sweep, const SweepPlan& plan, const OutlookOptions& options) {
  const StoreListing listing(options.store);
  StageHistory history(listing);
  SweepOutlook outlook;
  outlook.free_bytes = free_bytes_near(options.store);
  outlook.shown = std::min(options.show, plan.cells.size());
  outlook.stages.resize(plan.stages.size());
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    look_at_names(listing, plan.stages[i].node, outlook.stages[i]);
  }
  std::optional<Store> store;
  if (fs::is_directory(options.store)) store.emplace(options.store);
  std::error_code no_record;
  const auto record_bytes = fs::file_size(options.out / "results.json", no_record);
  const FormerKeys former =
      !no_record && record_bytes <= kLargestRecord ? read_former_keys(options.out) : FormerKeys();
  for (size_t c = 0; c < plan.cells.size(); ++c) {
    for (const auto& [role, number] : plan.cells[c]) {
      StageOutlook& stage = outlook.stages[number];
      if (stage.cells++ > 0) continue;
      stage.first_cell = c;
      const StageNode& node = plan.stages[number].node;
      if (c < outlook.shown && store) look_inside(*store, node, stage);
      if (stage.state == StageState::kCached) continue;
      stage.seconds = history.expected_seconds(node);
      stage.bytes = history.expected_bytes(node);
      if (c >= outlook.shown || stage.state == StageState::kDamaged) continue;
      const auto key = former.find({sweep.cells[c].id, role});
      const PastArtifact* nearest =
          history.nearest(node, key == former.end() ? std::string() : key->second);
      stage.is_new = nearest == nullptr;
      if (nearest != nullptr) stage.changed = differences(nearest->parts, parts_of(node));
    }
  }
  return outlook;
}

OutlookTotals totals_of(const SweepPlan& plan, const SweepOutlook& outlook) {
  OutlookTotals totals;
  totals.cells = plan.cells.size();
  totals.stages = plan.stages.size();
  for (const auto& cell : plan.cells) totals.uses += cell.size();
  for (const StageOutlook& stage : outlook.stages) {
    if (stage.state == StageState::kCached) {
      ++totals.cached;
      continue;
    }
    ++totals.to_do;
    totals.failed += stage.state == StageState::kFailed;
    totals.damaged += stage.state == StageState::kDamaged;
    totals.running += stage.state == StageState::kRunning;
    totals.seconds += stage.seconds.value_or(0);
    totals.bytes += stage.bytes.value_or(0);
    totals.unknown_seconds += !stage.seconds;
    totals.unknown_bytes += !stage.bytes;
  }
  return totals;
}

}  // namespace oar
