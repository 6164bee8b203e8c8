#include "harness/run/finished_cell.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "datasets/dataset.h"
#include "harness/stages/artifacts.h"
#include "reports/report.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// What a cell may be asked for by, beside its id: `oar`, `recipe=oar`, `seed=0`.
std::set<std::string> words_of(const json& cell) {
  std::set<std::string> words = {fmt::format("seed={}", cell.at("seed").get<int64_t>())};
  for (const auto& [label, value] : cell.at("labels").items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    words.insert(text);
    words.insert(fmt::format("{}={}", label, text));
  }
  return words;
}

bool fits(const json& cell, const std::string& wanted) {
  const std::set<std::string> words = words_of(cell);
  for (size_t begin = 0; begin <= wanted.size();) {
    const size_t end = std::min(wanted.find(',', begin), wanted.size());
    if (!words.contains(wanted.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

std::string listed(const std::vector<const json*>& cells) {
  std::string text;
  for (const json* cell : cells) {
    text += fmt::format("\n  {} ({})", cell->at("id").get<std::string>(),
                        cell->at("status").get<std::string>());
  }
  return text;
}

const json& find_cell(const json& results, const std::string& wanted, const fs::path& run) {
  std::vector<const json*> all, found;
  for (const json& cell : results.at("cells")) {
    all.push_back(&cell);
    if (cell.at("id") == wanted) return cell;
    if (wanted.empty() || fits(cell, wanted)) found.push_back(&cell);
  }
  if (found.size() == 1) return *found.front();
  const std::string asked = wanted.empty()
                                ? "no cell is named"
                                : fmt::format("\"{}\" names {} cells", wanted, found.size());
  throw std::invalid_argument(
      fmt::format("{}: {}; --cell takes the id of one, or labels that it alone has:{}",
                  run.string(), asked, listed(found.empty() ? all : found)));
}

Store existing_store(const fs::path& root) {
  if (fs::is_directory(root)) return Store(root);
  throw std::invalid_argument(fmt::format(
      "--store: there is no folder \"{}\"; name the store that the sweep ran with", root.string()));
}

}  // namespace

FinishedCell::FinishedCell(std::string id, int64_t seed, Recipe recipe, std::vector<Stage> stages,
                           Store store)
    : id_(std::move(id)),
      seed_(seed),
      recipe_(std::move(recipe)),
      stages_(std::move(stages)),
      store_(std::move(store)) {}

std::vector<std::string> FinishedCell::roles_of(const std::string& stage) const {
  std::vector<std::string> roles;
  for (const Stage& made : stages_) {
    if (made.stage == stage) roles.push_back(made.role);
  }
  return roles;
}

fs::path FinishedCell::artifact(const std::string& role) const {
  const auto stage = std::find_if(stages_.begin(), stages_.end(),
                                  [&](const Stage& made) { return made.role == role; });
  if (stage == stages_.end()) {
    std::vector<std::string> roles;
    for (const Stage& made : stages_) roles.push_back(made.role);
    throw std::invalid_argument(
        fmt::format("cell {} has no \"{}\"; it has: {}", id_, role, fmt::join(roles, ", ")));
  }
  const Artifact artifact = store_.inspect(stage->stage, stage->key);
  const fs::path folder = store_.folder(stage->stage, stage->key);
  if (artifact.state == Artifact::State::kComplete) return folder;
  throw BadData(fmt::format(
      "{}: the {} of cell {} is {}; run the sweep again to make it, or name the store that it ran "
      "with (--store)",
      folder.string(), role, id_,
      artifact.state == Artifact::State::kMissing ? "not there" : "damaged: " + artifact.problem));
}

json read_results(const fs::path& run) {
  const fs::path path = run / "results.json";
  json results = read_json(path);
  const std::vector<std::string> problems = validate_results(results);
  if (!problems.empty()) {
    throw BadData(fmt::format("{}: not the record of a run: {}", path.string(), problems.front()));
  }
  return results;
}

FinishedCell open_finished_cell(const fs::path& run, const std::string& cell,
                                const fs::path& store) {
  const json results = read_results(run);
  const json& found = find_cell(results, cell, run);
  std::vector<FinishedCell::Stage> stages;
  for (const json& stage : found.at("stages")) {
    stages.push_back({stage.at("role"), stage.at("stage"), stage.at("key")});
  }
  return FinishedCell(found.at("id"), found.at("seed"), found.at("recipe"), std::move(stages),
                      existing_store(store));
}

}  // namespace oar
