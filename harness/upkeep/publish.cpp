#include "harness/upkeep/publish.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/dataset.h"
#include "harness/run/exhibits.h"
#include "harness/run/finished_cell.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/recipe_parts.h"
#include "harness/store/interrupt.h"
#include "harness/store/live_keys.h"
#include "harness/store/store.h"
#include "harness/upkeep/published_record.h"
#include "models/weights/atomic_file.h"
#include "models/weights/tensor_file.h"
#include "reports/figures.h"
#include "reports/plots.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMostInAByte = 256;  // patches whose numbers fit into uint8

/// A folder that is made beside another one and takes its place, or vanishes.
class FolderInPlace {
 public:
  explicit FolderInPlace(const fs::path& out) : out_(fs::absolute(out).lexically_normal()) {
    if (!out_.has_filename()) out_ = out_.parent_path();
    work_ = out_.string() + ".tmp." + std::to_string(::getpid());
    fs::remove_all(work_);
    fs::create_directories(work_);
  }
  ~FolderInPlace() {
    std::error_code ignored;
    fs::remove_all(work_, ignored);
  }
  FolderInPlace(const FolderInPlace&) = delete;
  FolderInPlace& operator=(const FolderInPlace&) = delete;

  const fs::path& work() const { return work_; }
  /// What was there stands until what is new does.
  void commit() {
    const fs::path old = out_.string() + ".old." + std::to_string(::getpid());
    const bool replaces = fs::exists(out_);
    if (replaces) fs::rename(out_, old);
    try {
      fs::rename(work_, out_);
    } catch (...) {
      if (replaces) fs::rename(old, out_);
      throw;
    }
    if (replaces) fs::remove_all(old);
  }

 private:
  fs::path out_, work_;
};

/// Refuses a folder whose content this call did not make before: it is going to be replaced.
void check_replaceable(const fs::path& out) {
  if (!fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out))) return;
  const auto refuse = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("--out: {}; name another folder", what));
  };
  if (!fs::is_directory(out)) refuse(out.string() + " is no folder");
  if (!is_published(out)) refuse(out.string() + " holds something else than a published record");
  const Contents listed = read_contents(out);
  for (const auto& [name, file] : contents_of(out)) {
    if (!listed.contains(name)) refuse((out / name).string() + " is not of the record there");
  }
}

/// A text in which each absolute path is its last name.
std::string without_folders(const std::string& text) {
  constexpr char kBefore[] = " \t\n\"'`([{<=,;", kAfter[] = " \t\n\"'`)]}>,;:";
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const bool begins =
        text[at] == '/' &&
        (at == 0 || std::string_view(kBefore).find(text[at - 1]) != std::string_view::npos);
    const size_t end = begins ? std::min(text.find_first_of(kAfter, at), text.size()) : at + 1;
    std::string_view part = std::string_view(text).substr(at, end - at);
    while (begins && part.size() > 1 && part.ends_with('/')) part.remove_suffix(1);
    if (begins && part.size() > 1) part.remove_prefix(part.rfind('/') + 1);
    kept += part;
    at = end;
  }
  return kept;
}

void drop_folders(json& value) {
  if (value.is_string()) value = without_folders(value.get_ref<const std::string&>());
  if (value.is_structured()) {
    for (json& member : value) drop_folders(member);
  }
}

std::string dataset_of(const json& cell) {
  return cell.value("/recipe/dataset/name"_json_pointer, "");
}

/// Draws the pictures and writes report.md and the tables; returns what to tell of pictures.
std::string render(const json& results, const fs::path& out) {
  const WriteText write = [](const fs::path& path, std::string_view text) {
    write_file_atomically(path, text);
  };
  std::vector<FigureSpec> figures = figures_of(results);
  std::erase_if(figures, [](const FigureSpec& figure) { return figure.animated; });
  std::string note = draw_figures(figures, out, out, write);
  const std::vector<fs::directory_entry> drawn(fs::directory_iterator(out / "figures"), {});
  for (const fs::directory_entry& file : drawn) {
    if (file.path().extension() != ".png") fs::remove_all(file.path());
  }
  if (fs::is_empty(out / "figures")) fs::remove(out / "figures");
  fs::create_directories(out / "tables");
  for (const auto& [name, text] : rendered_files(results, out)) write(out / name, text);
  return note;
}

/// The orders of drawn images, and their codes.
void write_samples(const fs::path& made, const fs::path& path, bool with_codes) {
  const json grid = read_json(made / "config.json");
  const int64_t rows = grid.at("rows"), cols = grid.at("cols");
  const TensorMap samples = read_tensors(made / "samples.safetensors");
  TensorMap kept = {
      {"position_at",
       samples.at("position_at").to(rows * cols <= kMostInAByte ? torch::kUInt8 : torch::kInt16)}};
  if (with_codes) kept["codes"] = samples.at("codes").to(torch::kInt16);
  write_safetensors(path, kept, {{"rows", std::to_string(rows)}, {"cols", std::to_string(cols)}});
}

void write_reference(const fs::path& made, const fs::path& path) {
  const TensorMap tensors = read_tensors(made / "features.safetensors");
  write_safetensors(path, {{"features", tensors.at("features").to(torch::kHalf)}});
}

/// What a run's numbers can be computed from again, out of its store.
class Evidence {
 public:
  Evidence(const PublishOptions& options, const json& results, Progress& progress)
      : store_(existing(options.store)), progress_(progress), own_images_(options.own_images) {
    std::set<std::string> with_codes;
    for (const std::string& cell : options.codes) {
      with_codes.insert(open_finished_cell(options.run, cell, options.store).id());
    }
    cells_ = static_cast<int64_t>(with_codes.size());
    for (const json& cell : results.at("cells")) {
      want(cell, "samples", "samples");
      if (with_codes.contains(cell.at("id"))) want_codes(cell);
    }
  }

  int64_t cells() const { return cells_; }

  void lay(const fs::path& out) {
    std::vector<std::string> keys;
    for (const auto& [key, piece] : wanted_) keys.push_back(key);
    const auto held = hold_keys(store_.root(), "publish", keys,
                                [&](const std::string& line) { progress_.say(line); });
    progress_.stage("publish");
    progress_.begin("artifacts", static_cast<int64_t>(wanted_.size()));
    if (!wanted_.empty()) fs::create_directories(out / "evidence");
    int64_t done = 0;
    for (const auto& [key, piece] : wanted_) {
      if (interrupt_requested()) throw Interrupted();
      const fs::path made = whole(piece.stage, key), path = out / evidence_file(piece.kind, key);
      if (piece.kind == "samples") write_samples(made, path, with_codes_.contains(key));
      if (piece.kind == "tokenizer") write_decoder(path, read_tokenizer(made, torch::kCPU));
      if (piece.kind == "reference") write_reference(made, path);
      progress_.update(++done);
    }
    progress_.end();
  }

 private:
  struct Piece {
    std::string kind, stage;
  };

  static Store existing(const fs::path& root) {
    if (fs::is_directory(root)) return Store(root);
    throw std::invalid_argument(
        fmt::format("--store: there is no folder \"{}\"; name the store that the sweep ran with",
                    root.string()));
  }

  bool want(const json& cell, const std::string& role, const char* kind) {
    const json* const stage = stage_of(cell, role);
    if (stage != nullptr) wanted_[stage->at("key")] = {kind, stage->at("stage")};
    return stage != nullptr;
  }

  void want_codes(const json& cell) {
    const std::string id = cell.at("id"), dataset = dataset_of(cell);
    if (!publishable(dataset, own_images_).codes) {
      throw std::invalid_argument(fmt::format(
          "--codes: cell {} is of {}, and its codes decode to images like those of that data set, "
          "which may not be published{}; leave it out",
          id, dataset,
          publishable(dataset, true).codes ? " unless they are your own (--own-images)" : ""));
    }
    if (stage_of(cell, "scores") == nullptr || !want(cell, "tokenizer", "tokenizer") ||
        !want(cell, "reference_features", "reference")) {
      throw std::invalid_argument(
          fmt::format("--codes: cell {} has no scores of images; leave it out", id));
    }
    with_codes_.insert(stage_of(cell, "samples")->at("key"));
  }

  /// The folder of an artifact that is what it was.
  fs::path whole(const std::string& stage, const std::string& key) const {
    const fs::path folder = store_.folder(stage, key);
    const std::string damage = store_.damage(stage, key);
    if (damage.empty()) return folder;
    throw BadData(fmt::format(
        "{}: {}; run the sweep again to make it, or name the store that it ran with (--store)",
        folder.string(), fs::exists(folder) ? damage : "not there"));
  }

  Store store_;
  Progress& progress_;
  bool own_images_ = false;
  int64_t cells_ = 0;
  std::map<std::string, Piece> wanted_;  ///< by key
  std::set<std::string> with_codes_;     ///< keys of samples
};

/// Refuses to replace a picture by none where the record still has it.
void check_pictures(const json& results, const fs::path& work, const fs::path& before,
                    const std::string& note) {
  for (const FigureSpec& figure : figures_of(results)) {
    const std::string picture = "figures/" + figure.id + ".png";
    if (!fs::exists(before / picture) || fs::exists(work / picture)) continue;
    throw std::invalid_argument(
        fmt::format("{} would be lost: it cannot be drawn here; `oar-bench doctor` says what is "
                    "missing{}",
                    (before / picture).string(), note.empty() ? "" : ": " + note));
  }
}

/// The evidence of a record that is there already.
void copy_evidence(const PublishOptions& options, const fs::path& out) {
  if (!options.codes.empty()) {
    throw std::invalid_argument(fmt::format(
        "--codes: {} is a published record, whose evidence stays as it is; publish the run",
        options.run.string()));
  }
  if (contents_of(options.run) != read_contents(options.run)) {
    throw BadData(fmt::format("{}: not what was published; `oar-bench verify {}` says what differs",
                              options.run.string(), options.run.string()));
  }
  if (!fs::is_directory(options.run / "evidence")) return;
  fs::copy(options.run / "evidence", out / "evidence", fs::copy_options::recursive);
}

}  // namespace

Publishable publishable(const std::string& dataset, bool own_images) {
  if (is_generated(dataset)) return {true, true, true};
  const bool own = own_images && (dataset == "image_folder" || dataset == "webdataset");
  const bool free = dataset == "fashion_products";  // published under MIT by its author
  return {own, own || free, own || free};
}

json publishable_record(json results, bool without_samples, bool own_images) {
  drop_folders(results);
  for (json& cell : results.at("cells")) {
    const Publishable may = publishable(dataset_of(cell), own_images);
    if (!may.originals) cell.erase("reconstructions");
    if ((without_samples || !may.samples) && cell.contains("samples")) {
      cell["samples"].erase("images");
      cell["samples"].erase("conditions");  // captions say whom they show
    }
  }
  return results;
}

PublishReport publish(const PublishOptions& options, Progress& progress) {
  const json results =
      publishable_record(read_results(options.run), options.without_samples, options.own_images);
  check_replaceable(options.out);
  PublishReport report;
  report.cells = static_cast<int64_t>(results.at("cells").size());
  FolderInPlace folder(options.out);
  const fs::path& work = folder.work();
  if (is_published(options.run)) {
    copy_evidence(options, work);
  } else {
    Evidence evidence(options, results, progress);
    evidence.lay(work);
    report.with_codes = evidence.cells();
  }
  write_json(work / "results.json", results);
  copy_exhibits(results, options.run, work);
  report.note = render(results, work);
  if (is_published(options.run)) check_pictures(results, work, options.run, report.note);
  if (is_published(options.out)) check_pictures(results, work, options.out, report.note);
  write_contents(work);
  for (const auto& [name, file] : read_contents(work)) {
    report.files += 1;
    report.bytes += file.bytes;
  }
  folder.commit();
  return report;
}

}  // namespace oar
