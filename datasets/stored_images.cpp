#include "datasets/stored_images.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "datasets/image_file.h"
#include "datasets/parallel.h"
#include "datasets/sha256.h"
#include "datasets/square.h"

namespace oar {
namespace {

class StoredImages : public Dataset {
 public:
  StoredImages(const DatasetConfig& config, DatasetIndex index, ReadImage read)
      : config_(config),
        square_(square_of(config)),
        index_(std::move(index)),
        read_(std::move(read)) {}

  const DatasetIndex& index() const override { return index_; }

  torch::Tensor load(const std::vector<int64_t>& images) const override {
    return load(images, std::vector<View>(images.size()));
  }

  torch::Tensor load(const std::vector<int64_t>& images,
                     const std::vector<View>& views) const override {
    const auto count = static_cast<int64_t>(images.size());
    torch::Tensor batch = torch::empty({count, 3, square_.size, square_.size}, torch::kUInt8);
    auto* pixels = batch.data_ptr<uint8_t>();
    parallel_for(count, 0, [&](int64_t i) {
      const torch::Tensor image = load_one(index_.images.at(images[i]), views.at(i));
      std::memcpy(pixels + i * image.numel(), image.data_ptr<uint8_t>(), image.numel());
    });
    return batch;
  }

 private:
  torch::Tensor load_one(const ImageRecord& record, const View& view) const {
    const auto refuse = [&](const std::string& what) {
      throw BadData(fmt::format(
          "{}: \"{}\" {} since the data set was scanned; put the file back as it was, or delete "
          "the stored dataset stage so that it is scanned again",
          config_.name, (config_.root / record.file).string(), what));
    };
    std::vector<std::byte> bytes;
    try {
      bytes = read_(record);
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::no_such_file_or_directory) refuse("has vanished");
      refuse(fmt::format("has become unreadable ({})", error.code().message()));
    }
    if (sha256_hex(bytes) != record.sha256) refuse("has changed");
    try {
      return decode_square(bytes, square_, view);
    } catch (const BrokenImage& error) {
      throw BadData(fmt::format("{}: \"{}\" cannot be used: {}; take the file out of the data set",
                                config_.name, (config_.root / record.file).string(), error.what()));
    }
  }

  DatasetConfig config_;
  Square square_;
  DatasetIndex index_;
  ReadImage read_;
};

void refuse_too_small(const DatasetConfig& config, const DatasetIndex& index) {
  const int64_t needed = smallest_side(config.crop);
  const auto too_small = [needed](const ImageRecord& image) {
    return std::min(image.width, image.height) < needed;
  };
  const auto first = std::find_if(index.images.begin(), index.images.end(), too_small);
  if (first == index.images.end()) return;
  throw BadData(fmt::format(
      "{}: \"{}\" has {}x{} pixels, and {} of {} images are too small for the crop {}; choose "
      "another dataset.crop: centre fits all",
      config.name, (config.root / first->file).string(), first->width, first->height,
      std::count_if(first, index.images.end(), too_small), index.images.size(), config.crop));
}

}  // namespace

std::unique_ptr<Dataset> open_stored_images(const DatasetConfig& config, DatasetIndex index,
                                            ReadImage read) {
  check_square(square_of(config));
  refuse_too_small(config, index);
  return std::make_unique<StoredImages>(config, std::move(index), std::move(read));
}

}  // namespace oar
