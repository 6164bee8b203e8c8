#include "harness/stages/image_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "harness/measure/byte_size.h"
#include "harness/stages/recipe_parts.h"
#include "harness/user_cache.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

fs::path pixel_cache_folder() {
  const std::string own = environment_variable("OAR_PIXEL_CACHE");
  if (own.empty()) return user_cache_folder("pixels");
  return own == "off" ? "" : own;
}

}  // namespace

PixelCacheConfig pixel_cache_from_environment() {
  PixelCacheConfig cache;
  cache.folder = pixel_cache_folder();
  if (const std::string size = environment_variable("OAR_PIXEL_CACHE_SIZE"); !size.empty()) {
    try {
      cache.max_bytes = bytes_from_text(size);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("OAR_PIXEL_CACHE_SIZE: {}", error.what()));
    }
  }
  return cache;
}

std::unique_ptr<Dataset> open_images(StageContext& context, const DatasetConfig& config) {
  auto dataset = open_dataset(config, read_index(context.input("dataset")));
  if (is_generated(config.name)) return dataset;
  return with_pixel_cache(std::move(dataset), config, pixel_cache_from_environment(),
                          [&progress = context.progress()](const std::string& why) {
                            progress.say(fmt::format(
                                "images are decoded anew each time: the pixel cache is off ({}); "
                                "OAR_PIXEL_CACHE names another folder, or is \"off\"",
                                why));
                          });
}

ConsecutiveImages::ConsecutiveImages(const Dataset& dataset, int64_t total, int64_t batch)
    : total_(total), batch_(batch), ranges_([&dataset](const Range& range) {
        std::vector<int64_t> images(range.end - range.begin);
        std::iota(images.begin(), images.end(), range.begin);
        return dataset.load(images);
      }) {}

torch::Tensor ConsecutiveImages::load(int64_t begin, int64_t end) {
  std::optional<Range> next;
  if (end < total_) next = Range{end, std::min(end + batch_, total_)};
  return ranges_.get({begin, end}, next);
}

TrainingImages::TrainingImages(const Dataset& dataset, const Augmentation& augmentation,
                               int64_t seed, int64_t batch, int64_t steps)
    : steps_(steps),
      sampler_(images_of(dataset.index(), Split::kTrain), seed),
      batches_([this, &dataset, augmentation, seed, batch](const int64_t& step) {
        const int64_t first = step * batch;
        const std::vector<int64_t> images = sampler_.next(first, batch);
        if (!augmentation.any()) return dataset.load(images);
        std::vector<View> views;
        for (int64_t i = 0; i < batch; ++i) {
          views.push_back(draw_view(augmentation, seed, first + i));
        }
        return dataset.load(images, views);
      }) {}

torch::Tensor codes_seen(const TokenGrids& tokens, const torch::Tensor& images, uint64_t seed,
                         int64_t first) {
  torch::Tensor codes = tokens.codes.index_select(0, images);
  if (!tokens.mirrored.defined()) return codes;
  const torch::Tensor mirrored = tokens.mirrored.index_select(0, images);
  const Augmentation augmentation{.mirror = true};
  for (int64_t i = 0; i < images.size(0); ++i) {
    const View view = draw_view(augmentation, static_cast<int64_t>(seed), first + i);
    if (view.mirrored) codes[i].copy_(mirrored[i]);
  }
  return codes;
}

torch::Tensor TrainingImages::load(int64_t step) {
  return batches_.get(step, step + 1 < steps_ ? std::optional(step + 1) : std::nullopt);
}

}  // namespace oar
