#include "harness/run/exhibits.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "harness/stages/artifacts.h"
#include "models/weights/atomic_file.h"
#include "reports/fields.h"
#include "reports/figures.h"
#include "reports/file_text.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kShown = 16;       // images of an artifact
constexpr size_t kMostCells = 1000;  // that exhibit anything: no report shows more
constexpr size_t kDigits = 12;       // of a key, in the name of a folder

const StageOutcome* find(const CellOutcome& cell, const std::string& role) {
  const auto stage = std::find_if(cell.stages.begin(), cell.stages.end(),
                                  [&](const StageOutcome& made) { return made.role == role; });
  return stage == cell.stages.end() ? nullptr : &*stage;
}

/// Files of an artifact, beside the record.
class Copier {
 public:
  Copier(const StageOutcome& stage, fs::path out)
      : from_(stage.result->folder),
        out_(std::move(out)),
        folder_("exhibits/" + stage.node->key.substr(0, kDigits)) {
    fs::create_directories(out_ / folder_);
  }

  /// The copy's path, from the record's folder.
  std::string copy(const fs::path& source, const std::string& name) const {
    const std::string path = folder_ + "/" + name;
    if (!fs::exists(out_ / path)) write_file_atomically(out_ / path, bytes_of(from_ / source));
    return path;
  }

 private:
  fs::path from_, out_;
  std::string folder_;
};

/// Names of the classes that images were drawn under; null where one has none.
json classes_of(const torch::Tensor& labels, const CellOutcome& cell) {
  const StageOutcome* const dataset = find(cell, "dataset");
  const json classes = dataset == nullptr
                           ? json::array()
                           : dataset->result->record().value("classes", json::array());
  json conditions = json::array();
  for (int64_t i = 0; i < labels.size(0); ++i) {
    const auto label = labels[i].item<int64_t>();
    const bool known = label >= 0 && label < static_cast<int64_t>(classes.size());
    conditions.push_back(known ? classes[static_cast<size_t>(label)] : json(nullptr));
  }
  return conditions;
}

/// The captions of these images of the data set, under which images were drawn; null where one has
/// none.
json captions_of(const torch::Tensor& source, const CellOutcome& cell) {
  const StageOutcome* const dataset = find(cell, "dataset");
  json conditions = json::array();
  if (dataset == nullptr) return conditions;
  const DatasetIndex index = read_index(dataset->result->folder);
  for (int64_t i = 0; i < source.size(0); ++i) {
    const std::string& words = index.images.at(source[i].item<int64_t>()).caption;
    conditions.push_back(words.empty() ? json(nullptr) : json(words));
  }
  return conditions;
}

json samples_of(const StageOutcome& stage, const CellOutcome& cell, const fs::path& out) {
  const fs::path& made = stage.result->folder;
  const json grid = read_json(made / "config.json");
  const TensorMap tensors = read_tensors(made / "samples.safetensors");
  torch::Tensor position_at = tensors.at("position_at").to(torch::kInt64);
  const int64_t shown = std::min(kShown, position_at.size(0));
  position_at = position_at.narrow(0, 0, shown).contiguous();
  json samples = {{"grid", {grid.at("rows"), grid.at("cols")}},
                  {"position_at", json::array()},
                  {"draws_before_choosing", stage.result->record().at("draws_before_choosing")}};
  for (int64_t i = 0; i < shown; ++i) {
    const int64_t* const row = position_at[i].data_ptr<int64_t>();
    samples["position_at"].push_back(std::vector<int64_t>(row, row + position_at.size(1)));
  }
  if (const auto labels = tensors.find("label"); labels != tensors.end()) {
    samples["conditions"] = classes_of(labels->second.narrow(0, 0, shown), cell);
  } else if (const auto source = tensors.find("condition_of"); source != tensors.end()) {
    samples["conditions"] = captions_of(source->second.narrow(0, 0, shown), cell);
  }
  if (!fs::is_directory(made / "images")) return samples;
  const Copier copier(stage, out);
  for (int64_t i = 0; i < shown; ++i) {
    samples["images"].push_back(
        copier.copy(fs::path("images") / fmt::format("{:06}.png", i), fmt::format("{:03}.png", i)));
  }
  return samples;
}

json reconstructions_of(const StageOutcome& stage, const fs::path& out) {
  json shown = {{"originals", json::array()}, {"reconstructed", json::array()}};
  const Copier copier(stage, out);
  for (int64_t i = 0; i < stage.result->record().at("images").get<int64_t>(); ++i) {
    const auto copy = [&](const char* kind) {
      const std::string name = fmt::format("{}_{:03}.png", kind, i);
      return copier.copy(name, name);
    };
    shown["originals"].push_back(copy("original"));
    shown["reconstructed"].push_back(copy("reconstructed"));
  }
  return shown;
}

}  // namespace

void add_exhibits(json& results, const std::vector<CellOutcome>& outcomes, const fs::path& out) {
  std::map<std::string, json> known;  // by key: cells share artifacts
  const auto exhibit = [&](json& cell, const char* name, const StageOutcome* stage,
                           const auto& make) {
    if (stage == nullptr) return;
    auto found = known.find(stage->node->key);
    if (found == known.end()) found = known.emplace(stage->node->key, make(*stage)).first;
    cell[name] = found->second;
  };
  for (size_t i = 0; i < std::min(outcomes.size(), kMostCells); ++i) {
    const CellOutcome& outcome = outcomes[i];
    json& cell = results.at("cells").at(i);
    exhibit(cell, "samples", find(outcome, "samples"),
            [&](const StageOutcome& stage) { return samples_of(stage, outcome, out); });
    exhibit(cell, "reconstructions", find(outcome, "reconstructions"),
            [&](const StageOutcome& stage) { return reconstructions_of(stage, out); });
  }
}

void copy_exhibits(const json& results, const fs::path& run, const fs::path& out) {
  const auto copy = [&](const json& cell, const char* part, const char* list) {
    const json& images = report::items(report::field(cell, part), list);
    for (const json& path : images) {
      if (!path.is_string() || !is_exhibit_path(path.get_ref<const std::string&>())) continue;
      const fs::path name = path.get<std::string>();
      if (!fs::exists(run / name) || fs::exists(out / name)) continue;
      fs::create_directories((out / name).parent_path());
      const fs::path half = out / (name.string() + ".half");
      fs::copy_file(run / name, half, fs::copy_options::overwrite_existing);
      fs::rename(half, out / name);
    }
  };
  for (const json& cell : results.at("cells")) {
    copy(cell, "samples", "images");
    copy(cell, "reconstructions", "originals");
    copy(cell, "reconstructions", "reconstructed");
  }
}

}  // namespace oar
