#include "harness/upkeep/verify_published.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/dataset.h"
#include "harness/measure/extractors.h"
#include "harness/measure/scores.h"
#include "harness/orders/order_record.h"
#include "harness/run/finished_cell.h"
#include "harness/stages/artifacts.h"
#include "harness/store/interrupt.h"
#include "harness/upkeep/published_record.h"
#include "harness/upkeep/rescore.h"
#include "metrics/metric.h"
#include "models/weights/tensor_file.h"
#include "orders/order_statistics.h"
#include "reports/file_text.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Another processor adds floats in another order.
constexpr double kSameStatistic = 1e-9;

// Decoders and reference features have 11 significant bits: pixels move by one grey level here and
// there, features by 5e-4. Of the quick start's 200 images FID moved by up to 0.05 %, IS by 0.07 %,
// KID by 2e-4; of 300, precision and its like by one image at most. The rest is for processors.
constexpr double kSameScore = 0.01;        // relative
constexpr double kSameSmallScore = 0.002;  // absolute: shares count images
constexpr double kSameKernelScore =
    0.001;  // absolute, KID: differences of kernel means, often near 0

const char kPublishAgain[] =
    "take the file from the commit that published it, or publish the run again";
const char kRenderAgain[] =
    "undo the edit; if reports have changed since, `oar-bench publish` of this folder renders it "
    "again";

/// What of `found` the record does not have, or has otherwise: "/mean_blobs: 1.5 is recorded, ...".
/// The record may have more.
std::string difference(const json& recorded, const json& found, const std::string& path = "") {
  const auto both = [&] {
    return fmt::format("{}: {} is recorded, computed again it is {}", path, recorded.dump(),
                       found.dump());
  };
  if (recorded.is_number() && found.is_number()) {
    const auto a = recorded.get<double>(), b = found.get<double>();
    const double scale = std::max({1.0, std::abs(a), std::abs(b)});
    return std::abs(a - b) <= kSameStatistic * scale ? "" : both();
  }
  if (recorded.type() != found.type()) return both();
  if (!recorded.is_structured()) return recorded == found ? "" : both();
  if (recorded.is_array() && recorded.size() != found.size()) return path + ": of another length";
  for (const auto& [key, value] : found.items()) {
    if (found.is_object() && !recorded.contains(key)) return path + "/" + key + " is not recorded";
    const json& other = found.is_object() ? recorded.at(key) : recorded.at(std::stoul(key));
    const std::string differs = difference(other, value, path + "/" + key);
    if (!differs.empty()) return differs;
  }
  return "";
}

bool same_score(const std::string& metric, double recorded, double found) {
  const double apart = std::abs(recorded - found);
  return apart <= (metric == "kid" ? kSameKernelScore : kSameSmallScore) ||
         apart <= kSameScore * std::max(std::abs(recorded), std::abs(found));
}

/// The number of the first line in which two texts differ, from 1.
int64_t first_line(const std::string& a, const std::string& b) {
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return 1 + std::count(a.begin(), in_a, '\n');
}

/// Is the metric one of images that an extractor looked at?
bool is_score(const json& metric) {
  const std::string name = metric.at("metric");
  const auto known = list_metrics();
  return std::any_of(known.begin(), known.end(),
                     [&](const MetricInfo& info) { return info.name == name; });
}

class RecordVerifier {
 public:
  RecordVerifier(const fs::path& folder, std::optional<int64_t> rescore, Progress& progress,
                 PublishedReport& report)
      : folder_(folder), left_(rescore.value_or(INT64_MAX)), progress_(progress), report_(report) {}

  void verify() {
    ++report_.records;
    if (!is_published(folder_)) {
      return add("", kContents, "not there, though there is a results.json", kPublishAgain);
    }
    if (!check_files() || !read_record()) return;
    check_rendered();
    progress_.stage(folder_.filename().string());
    progress_.begin("cells", static_cast<int64_t>(results_.at("cells").size()));
    int64_t done = 0;
    for (const json& cell : results_.at("cells")) {
      if (interrupt_requested()) throw Interrupted();
      check_cell(cell);
      progress_.update(++done);
    }
    progress_.end();
    note_unchecked();
  }

 private:
  /// `cell` is empty for what is of no cell.
  void add(const std::string& cell, const std::string& file, const std::string& found,
           const std::string& next) {
    report_.problems.push_back(
        {folder_ / file, cell.empty() ? found : fmt::format("cell {}: {}", cell, found), next});
  }

  /// False if nothing else can be said of the record.
  bool check_files() try {
    const Contents listed = read_contents(folder_), there = contents_of(folder_);
    for (const auto& [name, file] : listed) {
      if (there.contains(name)) continue;
      add("", name, "not there", kPublishAgain);
      missing_.insert(name);
    }
    for (const auto& [name, file] : there) {
      ++report_.files;
      report_.bytes += file.bytes;
      const auto known = listed.find(name);
      if (known == listed.end()) {
        add("", name, "not listed in contents.json", "move it away, or publish the run again");
      } else if (file != known->second) {
        add("", name,
            fmt::format("it has {} bytes and the SHA-256 {}, contents.json says {} and {}",
                        file.bytes, file.sha256.substr(0, 12), known->second.bytes,
                        known->second.sha256.substr(0, 12)),
            kPublishAgain);
      } else {
        whole_.insert(name);
      }
    }
    if (!there.contains("results.json") && !listed.contains("results.json")) {
      add("", "results.json", "not there", kPublishAgain);
    }
    return whole_.contains("results.json");
  } catch (const BadData& error) {
    add("", kContents, error.what(), kPublishAgain);
    return false;
  }

  bool read_record() try {
    results_ = read_results(folder_);
    return true;
  } catch (const std::system_error&) {
    throw;
  } catch (const std::exception& error) {
    add("", "results.json", error.what(), kPublishAgain);
    return false;
  }

  void check_rendered() {
    const auto rendered = rendered_files(results_, folder_);
    for (const auto& [name, text] : rendered) {
      const std::optional<std::string> there = content_of(folder_ / name);
      if (!there && !missing_.contains(name)) {
        add("", name, "not there, though results.json gives one", kPublishAgain);
      } else if (whole_.contains(name) && *there != text) {
        add("", name,
            fmt::format("not what results.json gives, from line {} on", first_line(*there, text)),
            kRenderAgain);
      }
    }
    for (const std::string& name : whole_) {
      if (name.starts_with("tables/") && !rendered.contains(name)) {
        add("", name, "results.json gives no such table", kRenderAgain);
      }
    }
  }

  void check_cell(const json& cell) {
    const std::string id = cell.at("id");
    std::string file = "results.json";
    try {
      if (stage_of(cell, "samples") == nullptr) {
        if (cell.at("status") != "done") return;
        return add(id, file, "it is done, and lists no samples that bear its numbers out",
                   kPublishAgain);
      }
      file = evidence(cell, "samples", "samples");
      if (!whole_.contains(file)) {
        const bool said = fs::exists(folder_ / file) || missing_.contains(file);
        if (!said) add(id, file, "not there: its orders are not kept", kPublishAgain);
        return;
      }
      check_orders(cell, file);
      check_scores(cell, file);
    } catch (const std::system_error&) {
      throw;
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {  // what stands in the files is not what belongs there
      add(id, file, error.what(), kPublishAgain);
    }
  }

  static std::string evidence(const json& cell, const char* role, const char* kind) {
    const json* const stage = stage_of(cell, role);
    return stage == nullptr ? "" : evidence_file(kind, stage->at("key"));
  }

  static Grid grid_of(const fs::path& file) {
    const auto metadata = read_safetensors_metadata(file);
    return {std::stoll(metadata.at("rows")), std::stoll(metadata.at("cols"))};
  }

  void check_orders(const json& cell, const std::string& file) {
    if (!cell.contains("order_statistics")) {
      if (cell.at("status") != "done") return;  // it failed after its samples
      return add(cell.at("id"), "results.json", "it is done, and has no order_statistics",
                 kPublishAgain);
    }
    auto found = statistics_.find(file);
    if (found == statistics_.end()) {
      const TensorMap tensors = read_tensors(folder_ / file);
      const torch::Tensor position_at = tensors.at("position_at").to(torch::kInt64);
      json record = order_record(order_statistics(position_at, grid_of(folder_ / file)), {});
      record.erase("signatures");  // they look at pixels too
      found = statistics_.emplace(file, std::move(record)).first;
    }
    const auto compare = [&](const json& recorded, const json& again, const std::string& where) {
      const std::string differs = difference(recorded, again, where);
      if (differs.empty()) return;
      add(cell.at("id"), "results.json", fmt::format("{} from the orders in {}", differs, file),
          kPublishAgain);
    };
    compare(cell.at("order_statistics"), found->second, "/order_statistics");
    for (const json& metric : cell.at("metrics")) {
      if (metric.at("metric") != "mean_inter_patch_distance") continue;
      compare(metric.at("value"), found->second.at("mean_inter_patch_distance"),
              "mean_inter_patch_distance");
    }
    ++report_.ordered;
  }

  void check_scores(const json& cell, const std::string& samples) {
    const json& metrics = cell.at("metrics");
    const auto score = std::find_if(metrics.begin(), metrics.end(), is_score);
    if (score == metrics.end()) return;
    const std::string tokenizer = evidence(cell, "tokenizer", "tokenizer");
    const std::string reference = evidence(cell, "reference_features", "reference");
    const TensorMap drawn = read_tensors(folder_ / samples);
    if (!drawn.contains("codes") || !whole_.contains(tokenizer) || !whole_.contains(reference)) {
      ++without_codes_;
    } else if (!load_extractor_of(*score)) {
      ++without_weights_[score->at("extractor")];
    } else if (left_ > 0) {
      --left_;
      compare_scores(
          cell, scores_of_codes({read_decoder(folder_ / tokenizer), drawn.at("codes"),
                                 grid_of(folder_ / samples),
                                 read_tensors(folder_ / reference).at("features"), *extractor_},
                                score_options(cell)));
    } else {
      ++not_asked_;
    }
  }

  /// False if the program does not have the weights that the score was measured with.
  bool load_extractor_of(const json& score) {
    const std::string name = score.at("extractor"), sha256 = score.at("weights_sha256");
    try {
      if (extractor_sha256(name, "") != sha256) return false;
      if (!extractor_ || extractor_->name() != name) {
        extractor_ = load_extractor(name, "", torch::kCPU);
      }
    } catch (const std::invalid_argument&) {
      return false;
    }
    return true;
  }

  static ScoreOptions score_options(const json& cell) {
    const json& evaluate = cell.at("recipe").at("evaluate");
    ScoreOptions options;
    for (const json& metric : cell.at("metrics")) {
      if (is_score(metric)) options.metrics.push_back(metric.at("metric"));
    }
    evaluate.at("kid_subsets").get_to(options.kid_subsets);
    evaluate.at("kid_subset_size").get_to(options.kid_subset_size);
    evaluate.at("isc_splits").get_to(options.isc_splits);
    return options;
  }

  void compare_scores(const json& cell, const std::vector<json>& found) {
    auto again = found.begin();
    for (const json& metric : cell.at("metrics")) {
      if (!is_score(metric)) continue;
      const json &recorded = metric.at("value"), &value = (again++)->at("value");
      const std::string name = metric.at("metric");
      report_.scores.push_back({{"record", folder_.string()},
                                {"cell", cell.at("id")},
                                {"metric", name},
                                {"recorded", recorded},
                                {"found", value}});
      if (recorded.is_number() && value.is_number() && same_score(name, recorded, value)) continue;
      add(cell.at("id"), "results.json",
          fmt::format("{} is recorded as {}, the codes in {} give {}", name, recorded.dump(),
                      evidence(cell, "samples", "samples"), value.dump()),
          kPublishAgain);
    }
    ++report_.rescored;
  }

  void note_unchecked() {
    const auto note = [&](int64_t cells, const std::string& why) {
      if (cells == 0) return;
      report_.notes.push_back(
          fmt::format("{}: scores of {} cells are recorded and not computed again: {}",
                      folder_.string(), cells, why));
    };
    note(without_codes_, "their codes are not kept");
    note(not_asked_, "--rescore leaves them out");
    for (const auto& [extractor, cells] : without_weights_) {
      note(cells, fmt::format("they were measured with {}, whose weights are not part of this "
                              "program",
                              extractor));
    }
    std::set<std::string> others;
    for (const json& cell : results_.at("cells")) {
      for (const json& metric : cell.at("metrics")) {
        const std::string name = metric.at("metric");
        if (!is_score(metric) && name != "mean_inter_patch_distance") others.insert(name);
      }
    }
    if (report_.ordered > 0) {
      report_.notes.push_back(fmt::format(
          "{}: of the order statistics, log-likelihoods, simple_first and signatures are "
          "recorded and not computed again",
          folder_.string()));
    }
    if (others.empty()) return;
    report_.notes.push_back(
        fmt::format("{}: recorded and not computed again, as models are not kept: {}",
                    folder_.string(), fmt::join(others, ", ")));
  }

  fs::path folder_;
  int64_t left_;  ///< cells that may yet be scored
  Progress& progress_;
  PublishedReport& report_;
  json results_;
  std::set<std::string> whole_;             ///< files that are what contents.json says
  std::set<std::string> missing_;           ///< files that are not there, though it lists them
  std::map<std::string, json> statistics_;  ///< by file of samples
  std::unique_ptr<FeatureExtractor> extractor_;
  int64_t without_codes_ = 0, not_asked_ = 0;            ///< cells
  std::map<std::string, int64_t> without_weights_ = {};  ///< cells by extractor
};

}  // namespace

std::vector<fs::path> published_records(const fs::path& folder) {
  if (is_published(folder)) return {folder};
  std::vector<fs::path> records, bare;
  std::error_code none;  // no folder: no records
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (is_published(entry.path()))
      records.push_back(entry.path());
    else if (fs::exists(entry.path() / "results.json"))
      bare.push_back(entry.path());
  }
  if (records.empty() || fs::exists(folder / "results.json")) return {};
  records.insert(records.end(), bare.begin(), bare.end());
  std::sort(records.begin(), records.end());
  return records;
}

PublishedReport verify_published(const std::vector<fs::path>& records,
                                 std::optional<int64_t> rescore, Progress& progress) {
  PublishedReport report;
  for (const fs::path& record : records) {
    RecordVerifier(record, rescore, progress, report).verify();
  }
  return report;
}

}  // namespace oar
