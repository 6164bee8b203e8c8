#include <fmt/format.h>
#include <torch/types.h>

#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "datasets/image_files.h"
#include "datasets/parallel.h"
#include "datasets/sha256.h"
#include "datasets/split.h"
#include "datasets/sunset_scene.h"

namespace oar {
namespace {

constexpr int64_t kDefaultImages = 5000;
constexpr int64_t kMaxImages = 10'000'000;  // the file names have seven digits

class Sunset : public Dataset {
 public:
  Sunset(DatasetConfig config, DatasetIndex index)
      : config_(std::move(config)), index_(std::move(index)) {}

  const DatasetIndex& index() const override { return index_; }

  torch::Tensor load(const std::vector<int64_t>& images) const override {
    return draw(images, {3, config_.image_size, config_.image_size},
                [this](const SunsetScene& scene, uint8_t* pixels) {
                  draw_sunset(scene, config_.image_size, pixels, nullptr);
                });
  }

  std::optional<torch::Tensor> masks(const std::vector<int64_t>& images) const override {
    return draw(images, {config_.image_size, config_.image_size},
                [this](const SunsetScene& scene, uint8_t* mask) {
                  draw_sunset(scene, config_.image_size, nullptr, mask);
                });
  }

 private:
  template <typename Draw>
  torch::Tensor draw(const std::vector<int64_t>& images, std::vector<int64_t> shape,
                     const Draw& draw_one) const {
    const auto count = static_cast<int64_t>(images.size());
    shape.insert(shape.begin(), count);
    torch::Tensor batch = torch::empty(shape, torch::kUInt8);
    if (count == 0) return batch;
    const int64_t stride = batch.numel() / count;
    auto* bytes = batch.data_ptr<uint8_t>();
    parallel_for(count, 0, [&](int64_t i) {
      index_.images.at(images[i]);  // throws if there is no such image
      draw_one(make_sunset_scene(config_.seed, images[i]), bytes + i * stride);
    });
    return batch;
  }

  DatasetConfig config_;
  DatasetIndex index_;
};

ImageRecord make_record(const DatasetConfig& config, int64_t number) {
  const int64_t size = config.image_size;
  const SunsetScene scene = make_sunset_scene(config.seed, number);
  std::vector<uint8_t> pixels(3 * size * size);
  draw_sunset(scene, size, pixels.data(), nullptr);
  ImageRecord record;
  record.file = fmt::format("sunset-{:07}", number);
  record.sha256 = sha256_hex(std::as_bytes(std::span(pixels)));
  record.width = record.height = size;
  record.caption = kSunColours[static_cast<size_t>(scene.colour)].caption;
  record.label = scene.colour;
  return record;
}

}  // namespace

std::unique_ptr<Dataset> open_sunset(const DatasetConfig& config, DatasetIndex index) {
  return std::make_unique<Sunset>(config, std::move(index));
}

/// Sunsets made from (seed, number): a sky, hills, a sun of one of four colours, and clouds tinted
/// by it. Their tint tells the sun's colour, the sky's does not, so an order that places the sun
/// first knows the clouds. `max_images` of 0 makes 5000; `root` is ignored.
///
/// Errors  std::invalid_argument for more than ten million images.
std::unique_ptr<Dataset> make_sunset(const DatasetConfig& config, const ScanProgress& progress) {
  refuse_columns(config);
  const int64_t count = config.max_images == 0 ? kDefaultImages : config.max_images;
  if (count > kMaxImages) {
    throw std::invalid_argument(
        fmt::format("max_images of sunset must be at most {}, got {}", kMaxImages, count));
  }
  DatasetIndex index;
  index.images.resize(count);
  for (const SunColour& sun : kSunColours) index.classes.emplace_back(sun.name);
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(count, 0, [&](int64_t i) {
    index.images[i] = make_record(config, i);
    const std::lock_guard lock(mutex);
    ++done;
    if (progress) progress(done, count);
  });
  assign_splits(index.images, config.held_out, config.seed);
  return open_sunset(config, std::move(index));
}

}  // namespace oar
