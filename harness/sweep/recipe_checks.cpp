// What single options cannot tell: mistakes that lie in options taken together.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/sweep/json_file.h"
#include "harness/sweep/recipe.h"
#include "harness/sweep/tokenizer_sizes.h"

namespace oar {
namespace {

using nlohmann::json;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::string> kImageOptions = {
    "dataset.root",  "dataset.image_size", "dataset.class_column", "dataset.caption",
    "dataset.split", "dataset.crop",       "dataset.resize",       "dataset.mirror"};
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
    if (text("dataset.split") == "official") {
      check_official_split(name);
      return;
    }
    const bool scores = !get<std::vector<std::string>>(recipe_, "evaluate.metrics").empty();
    if (scores && text("evaluate.reference") == "held_out" && number("dataset.held_out") == 0.0) {
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

  /// How images are cut, resized and mirrored.
  void check_squares() {
    const std::string name = text("dataset.name"), crop = text("dataset.crop");
    if (is_tokens()) return;
    if (contains(known_.generated_datasets, name)) {
      for (const auto& [key, standard] :
           {std::pair{"dataset.crop", "centre"}, std::pair{"dataset.resize", "area"}}) {
        if (text(key) == standard) continue;
        report(
            {key, "dataset.name"},
            fmt::format("{} is \"{}\", but the data set \"{}\" is generated at image_size: there "
                        "is nothing to cut or resize",
                        key, text(key), name),
            {fmt::format("leave {} out", key)});
      }
    } else if (crop == "adm" && text("dataset.resize") != "bicubic") {
      report({"dataset.crop", "dataset.resize"},
             fmt::format("dataset.crop is \"adm\", which resizes bicubically by itself, but "
                         "dataset.resize is \"{}\"",
                         text("dataset.resize")),
             {"set dataset.resize to \"bicubic\""});
    }
    if (text("dataset.mirror") == "on" && text("train.order") == "from_file") {
      report({"dataset.mirror", "train.order"},
             "dataset.mirror is \"on\", but train.order is \"from_file\": the orders of the file "
             "are those of the images as they are",
             {"leave dataset.mirror out, or choose another order"});
    }
    if (text("dataset.mirror") == "on" && contains(known_.unmirrored_datasets, name)) {
      report({"dataset.mirror", "dataset.name"},
             fmt::format("dataset.mirror is \"on\", but an image of \"{}\" with left and right "
                         "exchanged is no image of that data set",
                         name),
             {"leave dataset.mirror out"});
    }
  }

  void check_perceptual_loss() {
    const bool has_vgg = !text("tokenizer.perceptual_weights").empty();
    if (!text("tokenizer.perceptual_linear").empty() && !has_vgg) {
      report({"tokenizer.perceptual_linear"},
             "tokenizer.perceptual_linear names LPIPS's linear layers, but "
             "tokenizer.perceptual_weights is empty: there is no VGG-16 to put them on",
             {"set tokenizer.perceptual_weights to a file of VGG-16's weights"});
    }
    if (has_vgg && get<int64_t>(recipe_, "dataset.image_size") < 16) {
      report({"dataset.image_size", "tokenizer.perceptual_weights"},
             "dataset.image_size is below 16: VGG-16 halves images four times",
             {"set dataset.image_size to at least 16, or leave tokenizer.perceptual_weights out"});
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
        report(
            {"generate.guidance_scale", "model.condition"},
            fmt::format("generate.guidance_scale is {}, but model.condition is \"none\": there "
                        "is nothing to guide by",
                        guidance),
            {"set generate.guidance_scale to 1, or model.condition to \"class\" or \"caption\""});
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
    if (text("model.condition") == "caption") {
      if (contains(known_.uncaptioned_datasets, dataset)) {
        report(
            {"model.condition", "dataset.name"},
            fmt::format("model.condition is \"caption\", but the data set \"{}\" has no captions",
                        dataset),
            {"set model.condition to \"class\" or \"none\""});
      }
      return;
    }
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
  void check_official_split(const std::string& dataset) {
    if (!contains(known_.officially_split_datasets, dataset)) {
      report({"dataset.split", "dataset.name"},
             fmt::format("dataset.split is \"official\", but the data set \"{}\" has no official "
                         "split",
                         dataset),
             {"set dataset.split to \"hash\""});
    }
    const auto held_out = settings_.find("dataset.held_out");
    if (held_out != settings_.end()) {
      mistakes_.add({held_out->second.where,
                     "dataset.held_out is given, but dataset.split is \"official\": the data set's "
                     "own lists say what is held out",
                     {"leave dataset.held_out out, or set dataset.split to \"hash\""}});
    }
  }

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
  checker.check_squares();
  checker.check_tokenizer();
  checker.check_perceptual_loss();
  checker.check_condition();
  checker.check_model();
  checker.check_evaluation();
}

}  // namespace oar
