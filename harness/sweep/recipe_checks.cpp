// What single options cannot tell: mistakes that lie in options taken together.
#include <fmt/format.h>

#include <algorithm>

#include "harness/sweep/json_file.h"
#include "harness/sweep/recipe.h"
#include "harness/sweep/tokenizer_sizes.h"

namespace oar {
namespace {

using nlohmann::json;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::string> kImageOptions = {"dataset.root", "dataset.image_size",
                                                "dataset.class_column", "dataset.caption_column"};
const std::vector<std::string> kTokenOptions = {"dataset.rows", "dataset.cols", "dataset.codes",
                                                "dataset.noise", "dataset.path"};

/// One recipe under check.
class Checker {
 public:
  Checker(const Recipe& recipe, const Settings& settings, const std::string& otherwise,
          const KnownNames& known, Mistakes& mistakes)
      : recipe_(recipe),
        settings_(settings),
        otherwise_(otherwise),
        known_(known),
        mistakes_(mistakes) {}

  void check_dataset() {
    const auto name = get<std::string>(recipe_, "dataset.name");
    if (text("dataset.root").empty() && !contains(known_.generated_datasets, name)) {
      report({"dataset.root", "dataset.name"},
             fmt::format("the data set \"{}\" needs a folder, and dataset.root is empty", name),
             {"set dataset.root to the folder that holds its files"});
    }
    if (is_tokens()) return;  // no image is scored
    if (text("evaluate.reference") == "held_out" && number("dataset.held_out") == 0.0) {
      report({"evaluate.reference", "dataset.held_out"},
             "evaluate.reference is \"held_out\", but dataset.held_out is 0: no image is held out",
             {"set dataset.held_out above 0, or evaluate.reference to \"train\""});
    }
  }

  /// Options of images and of codes: a data set has one of the two.
  void check_kind() {
    const std::string name = text("dataset.name");
    if (is_tokens()) {
      for (const auto& [key, setting] : settings_) {
        if (!key.starts_with("tokenizer.") && !contains(kImageOptions, key)) continue;
        mistakes_.add({setting.where,
                       fmt::format("{} is given, but the data set \"{}\" is codes from the start: "
                                   "it has no images and no tokenizer",
                                   key, name),
                       {fmt::format("leave {} out, or choose a data set of images", key)}});
      }
      return;
    }
    for (const std::string& key : kTokenOptions) {
      const auto setting = settings_.find(key);
      if (setting == settings_.end()) continue;
      mistakes_.add({setting->second.where,
                     fmt::format("{} is given, but the data set \"{}\" is made of images: their "
                                 "codes and grid come from the tokenizer",
                                 key, name),
                     {fmt::format("leave {} out, or set dataset.name to \"planted_path\"", key)}});
    }
  }

  /// The sizes of a network come from one place.
  void check_tokenizer() {
    if (text("tokenizer.config").empty()) return;
    for (const std::string option : kTokenizerSizes) {
      const std::string size = "tokenizer." + option;
      const auto setting = settings_.find(size);
      if (setting == settings_.end()) continue;
      mistakes_.add(
          {setting->second.where,
           fmt::format("{} is given, and so is tokenizer.config, which has all sizes", size),
           {fmt::format("leave {} out, or write it into the file that tokenizer.config "
                        "names",
                        size)}});
    }
  }

  void check_condition() {
    const double guidance = number("generate.guidance_scale");
    if (text("model.condition") == "none") {
      if (guidance != 1.0) {
        report({"generate.guidance_scale", "model.condition"},
               fmt::format("generate.guidance_scale is {}, but model.condition is \"none\": there "
                           "is nothing to guide by",
                           guidance),
               {"set generate.guidance_scale to 1, or model.condition to \"class\""});
      }
      return;
    }
    if (guidance != 1.0 && number("model.condition_dropout") == 0.0) {
      report({"generate.guidance_scale", "model.condition_dropout"},
             fmt::format("generate.guidance_scale is {}, but model.condition_dropout is 0: the "
                         "model never learns to go without a condition",
                         guidance),
             {"set model.condition_dropout to 0.1, or generate.guidance_scale to 1"});
    }
    const std::string dataset = text("dataset.name");
    if (contains(known_.unlabelled_datasets, dataset)) {
      report(
          {"model.condition", "dataset.name"},
          fmt::format("model.condition is \"class\", but the data set \"{}\" has no class labels",
                      dataset),
          {"set model.condition to \"none\""});
    }
    if (contains(known_.class_column_datasets, dataset) && text("dataset.class_column").empty()) {
      report(
          {"model.condition", "dataset.name"},
          fmt::format("model.condition is \"class\", but dataset.class_column is empty: the data "
                      "set \"{}\" does not know which column holds the class",
                      dataset),
          {"set dataset.class_column to a column of its table"});
    }
  }

  void check_model() {
    const auto width = get_optional<int64_t>(recipe_, "model.width");
    const auto heads = get_optional<int64_t>(recipe_, "model.heads");
    if (width && heads && *width % (4 * *heads) != 0) {
      report({"model.heads", "model.width"},
             fmt::format("model.width {} is not a multiple of 4 x model.heads {}", *width, *heads),
             {fmt::format("every head turns its channels in pairs along two axes; set model.width "
                          "to a multiple of {}",
                          4 * *heads)});
    }
  }

  void check_evaluation() {
    if (is_tokens()) return;  // no image is scored
    if (contains(known_.brought_features, text("evaluate.features")) &&
        text("evaluate.weights").empty()) {
      report({"evaluate.weights", "evaluate.features"},
             fmt::format("the feature network \"{}\" needs a file of weights, and evaluate.weights "
                         "is empty",
                         text("evaluate.features")),
             {"set evaluate.weights to its .pth or .safetensors file"});
    }
    const auto samples = get<int64_t>(recipe_, "generate.num_samples");
    const auto reference = get<int64_t>(recipe_, "evaluate.max_reference");
    if (measures("kid")) {
      check_kid(samples, "generate.num_samples");
      if (reference > 0) check_kid(reference, "evaluate.max_reference");
    }
    const auto splits = get<int64_t>(recipe_, "evaluate.isc_splits");
    if (measures("isc") && samples < splits) {
      report({"evaluate.isc_splits", "generate.num_samples"},
             fmt::format("evaluate.isc_splits {} is more than generate.num_samples {}", splits,
                         samples),
             {fmt::format("set evaluate.isc_splits to at most {}", samples)});
    }
    if (measures("fid") && reference == 1) {
      report({"evaluate.max_reference"},
             "evaluate.max_reference is 1: one image has no covariance, which FID needs",
             {"set it to at least 2, or to 0 for all images"});
    }
  }

 private:
  std::string text(const std::string& key) const { return get<std::string>(recipe_, key); }
  double number(const std::string& key) const { return get<double>(recipe_, key); }

  bool is_tokens() const { return contains(known_.token_datasets, text("dataset.name")); }

  bool measures(const std::string& metric) const {
    return contains(get<std::vector<std::string>>(recipe_, "evaluate.metrics"), metric);
  }

  void check_kid(int64_t images, const std::string& key) {
    const auto size = get<int64_t>(recipe_, "evaluate.kid_subset_size");
    if (images >= size) return;
    const std::string smaller =
        images >= 2 ? fmt::format("set evaluate.kid_subset_size to at most {}, or ", images) : "";
    report(
        {"evaluate.kid_subset_size", key},
        fmt::format("{} is {}, fewer than evaluate.kid_subset_size {}: no KID subset can be drawn",
                    key, images, size),
        {fmt::format("{}{} to at least {}, or leave kid out of evaluate.metrics", smaller,
                     smaller.empty() ? "set " + key : key, size)});
  }

  /// Points at the first of the keys that somebody wrote.
  void report(const std::vector<std::string>& keys, const std::string& found,
              std::vector<std::string> help) {
    const auto written = std::find_if(
        keys.begin(), keys.end(), [&](const std::string& key) { return settings_.count(key) > 0; });
    const bool none = written == keys.end();
    mistakes_.add({none ? otherwise_ : settings_.at(*written).where, found, std::move(help)});
  }

  const Recipe& recipe_;
  const Settings& settings_;
  const std::string& otherwise_;
  const KnownNames& known_;
  Mistakes& mistakes_;
};

}  // namespace

void check_together(const Recipe& recipe, const Settings& settings, const std::string& otherwise,
                    const KnownNames& known, Mistakes& mistakes) {
  Checker checker(recipe, settings, otherwise, known, mistakes);
  checker.check_dataset();
  checker.check_kind();
  checker.check_tokenizer();
  checker.check_condition();
  checker.check_model();
  checker.check_evaluation();
}

}  // namespace oar
