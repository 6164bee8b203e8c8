#include "datasets/pixel_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "datasets/augmentation.h"
#include "datasets/square.h"
#include "datasets/stored_images.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kImages = 6;

class CachedImages : public testing::Test {
 protected:
  CachedImages() {
    for (int i = 0; i < kImages; ++i) {
      images_.write_picture(std::to_string(i) + ".png", i);
    }
    config_.name = "image_folder";
    config_.root = images_.path();
    config_.image_size = 8;
    config_.held_out = 0;
    index_ = make_dataset(config_)->index();
    cache_.folder = folder_.path() / "pixels";
    std::iota(all_.begin(), all_.end(), 0);
  }

  /// Counts how often a file is read.
  std::unique_ptr<Dataset> open() {
    auto plain = open_stored_images(config_, index_, [this](const ImageRecord& image) {
      ++reads_;
      return read_bytes(config_.root / image.file);
    });
    return with_pixel_cache(std::move(plain), config_, cache_,
                            [this](const std::string& note) { notes_.push_back(note); });
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(cache_.folder)) found.push_back(entry.path());
    return found;
  }

  TestFolder images_, folder_;
  DatasetConfig config_;
  DatasetIndex index_;
  PixelCacheConfig cache_;
  std::vector<int64_t> all_ = std::vector<int64_t>(kImages);
  std::atomic<int> reads_{0};
  std::vector<std::string> notes_;
};

TEST_F(CachedImages, AreDecodedOnceAndTheSameFromThenOn) {
  const torch::Tensor plain = make_dataset(config_)->load(all_);
  EXPECT_TRUE(torch::equal(open()->load({4, 1}), plain.index_select(0, torch::tensor({4, 1}))));
  EXPECT_EQ(reads_, 2);
  EXPECT_TRUE(torch::equal(open()->load(all_), plain));
  EXPECT_EQ(reads_, kImages);  // the two of before came from the cache
  EXPECT_TRUE(torch::equal(open()->load(all_), plain));
  EXPECT_EQ(reads_, kImages);
  EXPECT_TRUE(notes_.empty());
}

TEST_F(CachedImages, AreThoseOfTheIndexWhateverBecomesOfTheFiles) {
  const torch::Tensor before = open()->load(all_);
  images_.write_picture("3.png", 99);
  EXPECT_TRUE(torch::equal(open()->load(all_), before));
  index_ = make_dataset(config_)->index();  // scanned again: another image, another SHA-256
  EXPECT_FALSE(torch::equal(open()->load(all_), before));
}

TEST_F(CachedImages, HaveAFileForEveryCropResizeAndSize) {
  open()->load(all_);
  config_.crop = "top";
  open()->load(all_);
  config_.resize = "lanczos";
  open()->load(all_);
  config_.image_size = 16;
  open()->load(all_);
  EXPECT_EQ(files().size(), 4u);
  EXPECT_EQ(reads_, 4 * kImages);
}

TEST_F(CachedImages, AMirroredViewComesFromTheCacheAndAPartIsCutFromTheFile) {
  const torch::Tensor plain = open()->load(all_);
  const int reads = reads_;
  const std::vector<View> mirrors(kImages, View{1.0, 0, 0, true});
  EXPECT_TRUE(torch::equal(mirrored(open()->load(all_, mirrors)), plain));
  EXPECT_EQ(reads_, reads);
  const std::vector<View> parts(kImages, View{0.5, 0, 0, false});
  EXPECT_TRUE(torch::equal(open()->load(all_, parts), make_dataset(config_)->load(all_, parts)));
  EXPECT_EQ(reads_, reads + kImages);
}

TEST_F(CachedImages, ViewsAreTheSameFromAnyNumberOfThreadsAndInAnyBatches) {
  std::vector<View> views;
  for (int64_t sample = 0; sample < kImages; ++sample) {
    views.push_back(draw_view({true, 0.5}, 5, sample));
  }
  const auto dataset = open();
  const torch::Tensor together = dataset->load(all_, views);
  std::vector<torch::Tensor> alone(kImages);
  {
    std::vector<std::jthread> threads;
    for (int64_t i = 0; i < kImages; ++i) {
      threads.emplace_back([&, i] { alone[i] = dataset->load({i}, {views[i]}); });
    }
  }
  EXPECT_TRUE(torch::equal(torch::cat(alone), together));
}

TEST_F(CachedImages, ADamagedOrHalfWrittenSlotIsDecodedAgain) {
  const torch::Tensor plain = open()->load(all_);
  {
    std::fstream file(files().at(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * (8 + 3 * 8 * 8) + 50);  // in the pixels of image 3
    file.put('\x55');
  }
  reads_ = 0;
  EXPECT_TRUE(torch::equal(open()->load(all_), plain));
  EXPECT_EQ(reads_, 1);
  fs::resize_file(files().at(0), 2 * (8 + 3 * 8 * 8) + 100);  // killed while it wrote image 2
  EXPECT_TRUE(torch::equal(open()->load(all_), plain));
  EXPECT_EQ(reads_, 1 + 4);
}

TEST_F(CachedImages, SeveralProcessesOrThreadsMayFillOneFile) {
  const torch::Tensor plain = make_dataset(config_)->load(all_);
  std::vector<std::unique_ptr<Dataset>> datasets;
  for (int i = 0; i < 4; ++i) datasets.push_back(open());
  {
    std::vector<std::jthread> threads;
    for (const auto& dataset : datasets) {
      threads.emplace_back([&] { EXPECT_TRUE(torch::equal(dataset->load(all_), plain)); });
    }
  }
  EXPECT_EQ(files().size(), 1u);
  EXPECT_TRUE(torch::equal(open()->load(all_), plain));
}

TEST_F(CachedImages, OnlySoManyAsFitAreKept) {
  cache_.max_bytes = 2 * (8 + 3 * 8 * 8) + 10;
  open()->load(all_);
  reads_ = 0;
  open()->load(all_);
  EXPECT_EQ(reads_, kImages - 2);
}

TEST_F(CachedImages, TheLeastRecentlyOpenedFilesMakeRoom) {
  config_.image_size = 64;  // 12,296 bytes an image: files of at least 73,776
  cache_.max_bytes = 200'000;
  open()->load(all_);
  const fs::path first = files().at(0);
  fs::last_write_time(first, fs::file_time_type::clock::now() - std::chrono::hours(2));
  config_.crop = "top";
  open()->load(all_);
  EXPECT_TRUE(fs::exists(first));
  config_.crop = "stretch";
  open()->load(all_);
  EXPECT_EQ(files().size(), 2u);
  EXPECT_FALSE(fs::exists(first));
}

TEST_F(CachedImages, AFolderThatCannotBeMadeSwitchesTheCacheOffWithOneNote) {
  folder_.write("pixels", "a file in the way");
  const torch::Tensor plain = make_dataset(config_)->load(all_);
  const auto dataset = open();
  EXPECT_TRUE(torch::equal(dataset->load(all_), plain));
  EXPECT_TRUE(torch::equal(dataset->load(all_), plain));
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_THAT(notes_[0], HasSubstr("pixels"));
}

TEST_F(CachedImages, WithoutAFolderThereIsNoCache) {
  cache_.folder.clear();
  open()->load(all_);
  open()->load(all_);
  EXPECT_EQ(reads_, 2 * kImages);
}

}  // namespace
}  // namespace oar
