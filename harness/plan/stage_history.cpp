#include "harness/plan/stage_history.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "harness/store/store.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kSample = 256;
const std::string kVersion = "stage version";
const std::string kInput = "input ";

std::optional<PastArtifact> read_artifact(const std::filesystem::path& folder) {
  std::ifstream in(folder / "manifest.json");
  const json manifest = json::parse(in, nullptr, /*allow_exceptions=*/false);
  try {
    PastArtifact past;
    manifest.at("key").get_to(past.key);
    manifest.at("version").get_to(past.version);
    std::vector<StageInput> inputs;
    for (const auto& [role, input] : manifest.at("inputs").items()) {
      inputs.push_back({role, {}, input.at("key")});
    }
    past.parts = parts_of({{}, past.version, manifest.at("config"), std::move(inputs), {}});
    past.work = manifest.value("work", 0.0);
    past.size = manifest.value("size", 0.0);
    past.seconds = seconds_of(manifest);
    for (const auto& file : manifest.at("files")) past.bytes += file.at("bytes").get<int64_t>();
    return past;
  } catch (const json::exception&) {  // damaged, or of another program: it teaches nothing
    return std::nullopt;
  }
}

/// differences(before, now).size(), without copies: both are sorted by name.
size_t number_of_differences(const StageParts& before, const StageParts& now) {
  size_t count = 0;
  auto was = before.begin();
  auto is = now.begin();
  while (was != before.end() || is != now.end()) {
    if (is == now.end() || (was != before.end() && was->first < is->first)) {
      ++was;
      ++count;
    } else if (was == before.end() || is->first < was->first) {
      ++is;
      ++count;
    } else {
      count += was++->second != is++->second;
    }
  }
  return count;
}

/// Every leaf of a configuration by its dotted name.
void add_leaves(const json& value, const std::string& name, StageParts& parts) {
  if (!value.is_object()) {
    parts[name] = value;
    return;
  }
  for (const auto& [key, member] : value.items()) {
    add_leaves(member, name.empty() ? key : name + "." + key, parts);
  }
}

}  // namespace

StageParts parts_of(const StageNode& node) {
  StageParts parts;
  add_leaves(node.config, "", parts);
  parts[kVersion] = node.version;
  for (const StageInput& input : node.inputs) parts[kInput + input.role] = input.key;
  return parts;
}

std::vector<Difference> differences(const StageParts& before, const StageParts& now) {
  std::vector<Difference> found;
  const auto compare = [&](const std::string& name, const json& was, const json& is) {
    if (was == is) return;
    const bool is_input = name.starts_with(kInput);
    found.push_back({name, is_input ? json(nullptr) : was, is_input ? json(nullptr) : is});
  };
  for (const auto& [name, is] : now) {
    const auto was = before.find(name);
    compare(name, was == before.end() ? json(nullptr) : was->second, is);
  }
  for (const auto& [name, was] : before) {
    if (!now.contains(name)) compare(name, was, nullptr);
  }
  const auto rank = [](const Difference& difference) {
    return difference.name == kVersion ? 0 : difference.name.starts_with(kInput) ? 2 : 1;
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](const Difference& a, const Difference& b) { return rank(a) < rank(b); });
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
      known->second = read_artifact(listing_.root() / now.stage / former_key.substr(0, kKeyDigits));
    }
    if (known->second) return &*known->second;
  }
  const StageParts parts = parts_of(now);
  const PastArtifact* best = nullptr;
  size_t fewest = SIZE_MAX;
  for (const PastArtifact& past : sample(now.stage)) {
    const size_t count = number_of_differences(past.parts, parts);
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
