#include "harness/measure/metrics_verb.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/dataset.h"
#include "datasets/image_source.h"
#include "datasets/npz.h"
#include "datasets/utf8.h"
#include "harness/measure/device.h"
#include "harness/measure/extractors.h"
#include "harness/measure/image_features.h"
#include "harness/measure/metrics_report.h"
#include "harness/measure/statistics_file.h"
#include "harness/store/interrupt.h"
#include "harness/store/machine.h"
#include "harness/user_cache.h"
#include "harness/weights/weight_files.h"
#include "metrics/metric.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path user_cache() {
  if (const fs::path folder = user_cache_folder("features"); !folder.empty()) return folder;
  throw std::invalid_argument(
      "--cache: neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder; name one with "
      "--cache, or use --no-cache");
}

/// Where features are kept: the cache, or a folder that goes when this does.
class FeatureCache {
 public:
  explicit FeatureCache(const MetricsOptions& options) {
    if (!options.no_cache) {
      folder_ = options.cache.empty() ? user_cache() : options.cache;
      return;
    }
    std::string name = (fs::temp_directory_path() / "oar-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "cannot make the folder " + name);
    }
    folder_ = temporary_ = name;
  }
  ~FeatureCache() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
  }
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_, temporary_;
};

/// The file an extractor reads: the one that was named, or the one that was imported.
std::string weights_file(const MetricsOptions& options) {
  if (!options.weights.empty() || options.features == "efficientnet_lite0") return options.weights;
  if (const auto installed = installed_weights(options.features)) return installed->string();
  throw std::invalid_argument(fmt::format(
      "--features {}: its weights are not here. `oar-bench weights list` names the file "
      "and where it comes from; then `oar-bench weights fetch NAME`, `weights import "
      "FILE`, or --weights FILE. --features efficientnet_lite0 needs none",
      options.features));
}

/// One side of the comparison.
struct Side {
  std::string role;                         ///< "real", "generated"
  std::unique_ptr<ImageSource> source;      ///< null: a file of statistics
  std::optional<ExtractorIdentity> stated;  ///< network of a file of statistics that names it
  SourceContent content;
  std::vector<std::string> measured;  ///< SHA-256 of the images that are not broken
  FeatureSet set;
  json record;  ///< path, kind, images, content, skipped, notes
};

class MetricsRun {
 public:
  explicit MetricsRun(const MetricsOptions& options)
      : options_(options),
        device_(device_from_name(options.device)),
        cache_(options),
        store_(cache_.folder()),
        progress_(ProgressOptions::standard_error(options.quiet)),
        runner_(store_, progress_) {
    for (const std::string& name : options.scores.metrics) find_metric(name);
    check_extractor(options.features, options.extractor, device_);
  }

  int run() {
    Side real = open("real", options_.real);
    std::optional<Side> generated;
    if (!options_.generated.empty()) generated = open("generated", options_.generated);
    choose_network(real, generated ? &*generated : nullptr);
    check_counts(real, generated ? &*generated : nullptr);
    measure(real, 1);
    if (generated) measure(*generated, 2);
    if (generated) check_dimensions(real, *generated);
    save(real, generated ? &*generated : nullptr);

    std::vector<json> scores, warnings;
    if (generated) {
      scores = score(real.set, generated->set);
      warnings = score_warnings(real.set, generated->set, identity_);
      for (json& found : source_warnings(real, *generated)) warnings.push_back(std::move(found));
    }
    const json report = make_report(real, generated ? &*generated : nullptr, scores, warnings);
    if (options_.json) {
      fmt::print("{}\n", report.dump(2));
    } else {
      fmt::print("{}", render_metrics(report));
    }
    const auto lacks = [](const json& score) { return score.at("value").is_null(); };
    const bool nothing = !scores.empty() && std::all_of(scores.begin(), scores.end(), lacks);
    const bool asked_in_vain = std::any_of(scores.begin(), scores.end(), [&](const json& score) {
      return lacks(score) && asked_for(score.at("metric"));
    });
    return nothing || asked_in_vain ? 1 : 0;
  }

 private:
  Side open(const std::string& role, const fs::path& path) const {
    Side side;
    side.role = role;
    side.record["path"] = as_utf8(path.string());
    if (is_statistics_file(path)) {
      Statistics statistics = read_statistics(path);
      side.set = std::move(statistics.set);
      side.stated = std::move(statistics.extractor);
      side.record["kind"] = "statistics " + quoted(path);
      side.record["images"] = side.set.count > 0 ? json(side.set.count) : json(nullptr);
      return side;
    }
    side.source = open_image_source(path, {options_.recursive});
    side.record["kind"] = side.source->description();
    side.record["notes"] = side.source->notes();
    return side;
  }

  // The network of this call; of two files of statistics, the one that they name.
  void choose_network(const Side& real, const Side* generated) {
    const bool images = real.source != nullptr || (generated != nullptr && generated->source);
    const std::optional<ExtractorIdentity>& stated =
        real.stated || generated == nullptr ? real.stated : generated->stated;
    if (images) {
      weights_ = weights_file(options_);
      identity_ = {options_.features, extractor_sha256(options_.features, weights_),
                   options_.extractor};
    } else {
      identity_ = stated.value_or(ExtractorIdentity{"unknown network", "", {}});
    }
    for (const Side* side : {&real, generated}) {
      if (side == nullptr || !side->stated || same(*side->stated, identity_)) continue;
      throw BadData(fmt::format(
          "{}: its features are of {}, those of the other side of {}; numbers of different "
          "networks cannot be compared. Write it again with this network, or name its own with "
          "--features, --weights, --convention and --precision",
          side->record.at("kind").get<std::string>(), words_of(*side->stated),
          words_of(identity_)));
    }
  }

  static bool same(const ExtractorIdentity& a, const ExtractorIdentity& b) {
    return words_of(a) == words_of(b);
  }

  static std::string words_of(const ExtractorIdentity& network) {
    return fmt::format("{} ({}, {}, weights {})", network.name, network.options.convention,
                       network.options.precision, network.weights_sha256);
  }

  static void check_dimensions(const Side& real, const Side& generated) {
    const auto dim = [](const Side& side) {
      return side.set.moments ? side.set.moments->mean.numel() : side.set.features->dim();
    };
    if (dim(real) == dim(generated)) return;
    throw BadData(
        fmt::format("{} has {} features, {} has {}: they are of different networks; name "
                    "the network of the statistics with --features",
                    real.record.at("kind").get<std::string>(), dim(real),
                    generated.record.at("kind").get<std::string>(), dim(generated)));
  }

  bool given(const char* option) const {
    const auto& all = options_.set_explicitly;
    return std::find(all.begin(), all.end(), option) != all.end();
  }

  bool asked_for(const std::string& metric) const {
    const auto& all = options_.scores.metrics;
    return std::find(all.begin(), all.end(), metric) != all.end();
  }

  // What the user asked for and these numbers of images cannot give is said before the long pass.
  void check_counts(const Side& real, const Side* generated) const {
    const auto refuse = [](const char* option, int64_t value, const char* what, int64_t at_most,
                           const Side& side) {
      throw std::invalid_argument(fmt::format(
          "{} {}: {}, but {} has {}; use {} {} or less", option, value, what,
          side.record.at("kind").get<std::string>(), side.source->count(), option, at_most));
    };
    const ScoreOptions& scores = options_.scores;
    for (const Side* side : {&real, generated}) {
      if (side == nullptr || side->source == nullptr) continue;
      const int64_t count = side->source->count();
      if ((given("--kid-subset-size") || asked_for("kid")) && scores.kid_subset_size > count) {
        refuse("--kid-subset-size", scores.kid_subset_size, "KID draws that many different images",
               count, *side);
      }
      if ((given("--isc-splits") || asked_for("isc")) && side == generated &&
          options_.extractor.convention != "adm" && scores.isc_splits > count) {
        refuse("--isc-splits", scores.isc_splits, "each part needs an image", count, *side);
      }
      if (given("--pr-k") && scores.pr_k >= count) {
        refuse("--pr-k", scores.pr_k, "each image needs that many neighbours", count - 1, *side);
      }
      if (given("--dc-k") && side == &real && scores.dc_k >= count) {
        refuse("--dc-k", scores.dc_k, "each image needs that many neighbours", count - 1, *side);
      }
      if (given("--fid-subsets") && side == generated && 2 * scores.fid_subsets > count) {
        refuse("--fid-subsets", scores.fid_subsets, "each subset needs two images", count / 2,
               *side);
      }
    }
  }

  void measure(Side& side, int number) {
    if (side.source == nullptr) return;
    const std::string title =
        fmt::format("[{}/{}] {}", number, options_.generated.empty() ? 1 : 2, side.role);
    progress_.stage(title + ": content");
    side.content = hash_source(*side.source, progress_);
    progress_.stage(title + ": features");
    const FeaturePass pass{weights_, device_, options_.skip_broken};
    const StageResult result =
        runner_.run(image_features_node(side.content, identity_), [&](StageContext& context) {
          return run_image_features(context, *side.source, side.content, identity_, pass);
        });
    const json skipped = broken_images(*side.source, result.record());
    if (!skipped.empty() && !options_.skip_broken) refuse_broken(*side.source, skipped);
    side.set = read_feature_set(result.folder, result.record());
    std::set<size_t> broken;
    for (const json& entry : result.record().at("broken")) broken.insert(entry[0].get<size_t>());
    for (size_t rank = 0; rank < side.content.images.size(); ++rank) {
      if (!broken.contains(rank)) side.measured.push_back(side.content.images[rank]);
    }
    side.record["images"] = side.set.count;
    side.record["content_sha256"] = side.content.sha256;
    side.record["skipped"] = skipped;
    side.record["cached"] = result.cached;
    side.record["device"] = result.record().at("device");
    side.record["seconds"] = seconds_of(result.manifest);
  }

  std::vector<json> score(const FeatureSet& real, const FeatureSet& generated) {
    const ScoreOptions options = score_options();
    int64_t done = 0;
    progress_.stage("metrics");
    progress_.begin("metrics", static_cast<int64_t>(options.metrics.size()));
    std::vector<json> scores =
        compute_scores(real, generated, identity_, options, [&](const std::string& title) {
          progress_.update(done++, title);
          if (interrupt_requested()) throw Interrupted();
        });
    progress_.update(done);
    progress_.end();
    return scores;
  }

  ScoreOptions score_options() const {
    ScoreOptions scores = options_.scores;
    if (scores.metrics.empty()) {
      for (const MetricInfo& metric : list_metrics()) scores.metrics.emplace_back(metric.name);
    }
    return scores;
  }

  static json source_warnings(const Side& real, const Side& generated) {
    json warnings = json::array();
    const auto warn = [&](const char* name, const std::string& message) {
      warnings.push_back({{"warning", name}, {"message", message}});
    };
    const auto repeated = [](const std::vector<std::string>& images) {
      return images.size() - std::set<std::string>(images.begin(), images.end()).size();
    };
    for (const Side* side : {&real, &generated}) {
      if (const size_t count = repeated(side->measured); count > 0) {
        warn("repeated_images",
             fmt::format("{} images that repeat an earlier one byte for byte: {}", side->role,
                         count));
      }
      if (side->source == nullptr && !side->stated) {
        warn("unknown_network", fmt::format("{} does not say which network its features are of; "
                                            "FID means something only if it is the same one",
                                            side->record.at("kind").get<std::string>()));
      }
    }
    const std::set<std::string> known(real.measured.begin(), real.measured.end());
    const auto& images = generated.measured;
    const auto shared = std::count_if(images.begin(), images.end(),
                                      [&](const auto& image) { return known.contains(image); });
    if (shared > 0) {
      warn("shared_images",
           fmt::format("generated images that are byte for byte among the real ones: {}", shared));
    }
    return warnings;
  }

  void save(const Side& real, const Side* generated) const {
    if (!options_.save_statistics.empty())
      write_statistics(options_.save_statistics, {real.set, identity_});
    if (options_.save_features.empty()) return;
    std::map<std::string, torch::Tensor> arrays;
    const auto add = [&](const Side& side) {
      if (side.set.features) {
        arrays[side.role + "_features"] = side.set.features->rows(0, side.set.count);
      }
      if (side.set.logits) arrays[side.role + "_logits"] = side.set.logits->rows(0, side.set.count);
    };
    add(real);
    if (generated != nullptr) add(*generated);
    if (arrays.empty()) {
      throw std::invalid_argument(
          "--save-features: both sides are files of statistics, which have no features");
    }
    write_npz(options_.save_features, arrays);
  }

  json make_report(const Side& real, const Side* generated, const std::vector<json>& scores,
                   const std::vector<json>& warnings) const {
    json report = {{"schema_version", 1},
                   {"real", real.record},
                   {"generated", generated == nullptr ? json(nullptr) : generated->record},
                   {"extractor",
                    {{"name", identity_.name},
                     {"weights", weights_.empty() ? "embedded" : as_utf8(weights_)},
                     {"weights_sha256", identity_.weights_sha256},
                     {"convention", identity_.options.convention},
                     {"precision", identity_.options.precision},
                     {"device", device_.str()}}},
                   {"scores", scores},
                   {"warnings", warnings},
                   {"context", machine_record(device_.str())}};
    return report;
  }

  const MetricsOptions& options_;
  torch::Device device_;
  FeatureCache cache_;
  Store store_;
  Progress progress_;
  StageRunner runner_;
  std::string weights_;
  ExtractorIdentity identity_;
};

void check_options(const MetricsOptions& options) {
  if (options.generated.empty() && options.save_features.empty() &&
      options.save_statistics.empty()) {
    throw std::invalid_argument(
        "GENERATED is missing: `oar-bench metrics REAL GENERATED` compares two sets of images. One "
        "alone is enough for --save-statistics FILE.npz and --save-features FILE.npz");
  }
  const auto at_least = [](const char* option, int64_t value, int64_t minimum) {
    if (value >= minimum) return;
    throw std::invalid_argument(
        fmt::format("{} must be at least {}, got {}", option, minimum, value));
  };
  const auto writable = [](const char* option, const fs::path& file) {
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (file.empty() || fs::is_directory(folder)) return;
    throw std::invalid_argument(fmt::format("{} {}: there is no folder {}; make it first", option,
                                            quoted(file), quoted(folder)));
  };
  writable("--save-features", options.save_features);
  writable("--save-statistics", options.save_statistics);
  at_least("--kid-subsets", options.scores.kid_subsets, 1);
  at_least("--kid-subset-size", options.scores.kid_subset_size, 2);
  at_least("--pr-k", options.scores.pr_k, 1);
  at_least("--dc-k", options.scores.dc_k, 1);
  at_least("--isc-splits", options.scores.isc_splits, 1);
  if (options.scores.fid_subsets != 0) at_least("--fid-subsets", options.scores.fid_subsets, 2);
}

}  // namespace

int run_metrics(const MetricsOptions& options) {
  check_options(options);
  return MetricsRun(options).run();
}

}  // namespace oar
