#include "harness/plan/stage_history.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "harness/store/store.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kSample = 256;

std::optional<PastArtifact> read_artifact(const std::filesystem::path& folder) {
  std::ifstream in(folder / "manifest.json");
  const json manifest = json::parse(in, nullptr, /*allow_exceptions=*/false);
  try {
    PastArtifact past;
    manifest.at("key").get_to(past.key);
    manifest.at("version").get_to(past.version);
    past.config = manifest.at("config");
    for (const auto& [role, input] : manifest.at("inputs").items()) {
      past.inputs[role] = input.at("key");
    }
    past.work = manifest.value("work", 0.0);
    past.size = manifest.value("size", 0.0);
    past.seconds = seconds_of(manifest);
    for (const auto& file : manifest.at("files")) past.bytes += file.at("bytes").get<int64_t>();
    return past;
  } catch (const json::exception&) {  // damaged, or of another program: it teaches nothing
    return std::nullopt;
  }
}

/// Every leaf of a configuration by its dotted name.
void add_leaves(const json& value, const std::string& name, std::map<std::string, json>& leaves) {
  if (!value.is_object()) {
    leaves[name] = value;
    return;
  }
  for (const auto& [key, member] : value.items()) {
    add_leaves(member, name.empty() ? key : name + "." + key, leaves);
  }
}

std::map<std::string, json> leaves_of(const json& config) {
  std::map<std::string, json> leaves;
  add_leaves(config, "", leaves);
  return leaves;
}

}  // namespace

std::vector<Difference> differences(const PastArtifact& before, const StageNode& now) {
  std::vector<Difference> found;
  if (before.version != now.version) {
    found.push_back({"stage version", before.version, now.version});
  }
  auto old_leaves = leaves_of(before.config);
  for (auto& [name, value] : leaves_of(now.config)) {
    const auto old = old_leaves.find(name);
    const json was = old == old_leaves.end() ? json(nullptr) : old->second;
    if (old != old_leaves.end()) old_leaves.erase(old);
    if (was != value) found.push_back({name, was, value});
  }
  for (auto& [name, value] : old_leaves) found.push_back({name, value, nullptr});
  auto old_inputs = before.inputs;
  for (const StageInput& input : now.inputs) {
    const auto old = old_inputs.find(input.role);
    if (old == old_inputs.end() || old->second != input.key) {
      found.push_back({"input " + input.role, nullptr, nullptr});
    }
    if (old != old_inputs.end()) old_inputs.erase(old);
  }
  for (const auto& [role, key] : old_inputs) found.push_back({"input " + role, nullptr, nullptr});
  return found;
}

const std::vector<PastArtifact>& StageHistory::sample(const std::string& stage) {
  const auto known = samples_.find(stage);
  if (known != samples_.end()) return known->second;
  std::vector<PastArtifact> sample;
  for (const auto& [key, entry] : listing_.keys(stage)) {
    if (sample.size() == kSample) break;
    if (!entry.artifact) continue;
    if (auto past = read_artifact(listing_.root() / stage / key)) {
      sample.push_back(std::move(*past));
    }
  }
  return samples_.emplace(stage, std::move(sample)).first->second;
}

const PastArtifact* StageHistory::nearest(const StageNode& now, const std::string& former_key) {
  if (!former_key.empty() && listing_.at(now.stage, former_key).artifact) {
    const auto [known, is_new] = former_.try_emplace(former_key);
    if (is_new) {
      known->second = read_artifact(listing_.root() / now.stage / former_key.substr(0, 32));
    }
    if (known->second) return &*known->second;
  }
  const PastArtifact* best = nullptr;
  size_t fewest = SIZE_MAX;
  for (const PastArtifact& past : sample(now.stage)) {
    const size_t count = differences(past, now).size();
    if (count < fewest) {
      fewest = count;
      best = &past;
    }
  }
  return best;
}

std::optional<double> StageHistory::expected(const StageNode& now, bool time) {
  const double amount = time ? now.work : now.size;
  const auto [known, is_new] = rates_[time].try_emplace({now.stage, now.version});
  if (is_new) {
    std::vector<double> rates;
    for (const PastArtifact& past : sample(now.stage)) {
      const double done = time ? past.work : past.size;
      if (past.version != now.version || done <= 0) continue;
      rates.push_back((time ? past.seconds : static_cast<double>(past.bytes)) / done);
    }
    std::sort(rates.begin(), rates.end());
    const size_t n = rates.size();
    if (n > 0) known->second = (rates[(n - 1) / 2] + rates[n / 2]) / 2;
  }
  if (!known->second) return std::nullopt;
  return *known->second * amount;
}

std::optional<double> StageHistory::expected_seconds(const StageNode& now) {
  return expected(now, true);
}

std::optional<double> StageHistory::expected_bytes(const StageNode& now) {
  return expected(now, false);
}

}  // namespace oar
