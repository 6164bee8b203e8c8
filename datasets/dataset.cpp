#include "datasets/dataset.h"

#include <fmt/format.h>

#include <algorithm>

#include "datasets/dataset_info.h"
#include "datasets/nearest_name.h"
#include "datasets/square.h"

namespace oar {

#define DATASET(name, summary, ...)                                                \
  std::unique_ptr<Dataset> make_##name(const DatasetConfig&, const ScanProgress&); \
  std::unique_ptr<Dataset> open_##name(const DatasetConfig&, DatasetIndex);
#define TOKEN_DATASET(name, summary, ...)
#include "datasets/registry.def"
#undef TOKEN_DATASET
#undef DATASET

namespace {

constexpr int64_t kMinImageSize = 8;
constexpr int64_t kMaxImageSize = 4096;

[[noreturn]] void refuse_name(const std::string& asked) {
  std::vector<std::string> known;
  for (const auto& [name, summary] : list_datasets()) known.push_back(name);
  for (const auto& [name, summary] : list_token_datasets()) {
    if (asked == name) {
      throw std::invalid_argument(
          fmt::format("the data set \"{}\" has codes and no images", asked));
    }
  }
  throw std::invalid_argument(
      fmt::format("no data set is called \"{}\".\n{}", asked, known_names(asked, known)));
}

void check_split(const DatasetConfig& config) {
  if (config.split == "hash") return;
  if (config.split != "official") {
    throw std::invalid_argument(
        fmt::format("split must be \"hash\" or \"official\", got \"{}\"", config.split));
  }
  const auto& infos = dataset_infos();
  const auto info = std::find_if(infos.begin(), infos.end(), [&config](const DatasetInfo& one) {
    return one.name == config.name;
  });
  if (info == infos.end() || info->official_split) return;  // an unknown name is refused as such
  throw std::invalid_argument(fmt::format(
      "split is \"official\", but {} has no official split; use \"hash\"", config.name));
}

void check_config(const DatasetConfig& config) {
  if (config.image_size < kMinImageSize || config.image_size > kMaxImageSize) {
    throw std::invalid_argument(fmt::format("image_size must be {} to {} pixels, got {}",
                                            kMinImageSize, kMaxImageSize, config.image_size));
  }
  if (config.max_images < 0) {
    throw std::invalid_argument(
        fmt::format("max_images must be at least 0, got {}; 0 takes all", config.max_images));
  }
  if (!(config.held_out >= 0 && config.held_out < 1)) {
    throw std::invalid_argument(fmt::format(
        "held_out must be at least 0 and below 1, got {}; 0 holds nothing out", config.held_out));
  }
  check_square(square_of(config));
  check_split(config);
}

}  // namespace

std::optional<torch::Tensor> Dataset::masks(const std::vector<int64_t>&) const {
  return std::nullopt;
}

DatasetCounts count_images(const DatasetIndex& index) {
  DatasetCounts counts;
  counts.images = static_cast<int64_t>(index.images.size());
  counts.rejected = static_cast<int64_t>(index.rejected.size());
  counts.per_class.resize(index.classes.size());
  for (const ImageRecord& image : index.images) {
    ++(image.split == Split::kTrain ? counts.train : counts.held_out);
    if (image.caption.empty()) ++counts.without_caption;
    if (image.label < 0) {
      ++counts.without_label;
    } else {
      ++counts.per_class.at(image.label);
    }
  }
  return counts;
}

std::unique_ptr<Dataset> make_dataset(const DatasetConfig& config, const ScanProgress& progress) {
  check_config(config);
#define DATASET(dataset, summary, ...) \
  if (config.name == #dataset) return make_##dataset(config, progress);
#define TOKEN_DATASET(dataset, summary, ...)
#include "datasets/registry.def"
#undef TOKEN_DATASET
#undef DATASET
  refuse_name(config.name);
}

std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config, DatasetIndex index) {
  check_config(config);
#define DATASET(dataset, summary, ...) \
  if (config.name == #dataset) return open_##dataset(config, std::move(index));
#define TOKEN_DATASET(dataset, summary, ...)
#include "datasets/registry.def"
#undef TOKEN_DATASET
#undef DATASET
  refuse_name(config.name);
}

std::vector<NameAndSummary> list_datasets() {
  return {
#define DATASET(name, summary, ...) {#name, summary},
#define TOKEN_DATASET(name, summary, ...)
#include "datasets/registry.def"
#undef TOKEN_DATASET
#undef DATASET
  };
}

std::vector<NameAndSummary> list_token_datasets() {
  return {
#define DATASET(name, summary, ...)
#define TOKEN_DATASET(name, summary, ...) {#name, summary},
#include "datasets/registry.def"
#undef TOKEN_DATASET
#undef DATASET
  };
}

}  // namespace oar
