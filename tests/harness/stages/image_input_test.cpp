#include "harness/stages/image_input.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "harness/stages/artifacts.h"

namespace oar {
namespace {

constexpr int64_t kImages = 20, kBatch = 3, kSteps = 9;
constexpr int64_t kSeed = 5;

const Dataset& sunsets() {
  static const std::unique_ptr<Dataset> dataset = [] {
    DatasetConfig config;
    config.name = "sunset";
    config.image_size = 16;
    config.max_images = kImages;
    return make_dataset(config);
  }();
  return *dataset;
}

TEST(ConsecutiveImages, AreThoseOfTheDataSetInAnyBatches) {
  std::vector<int64_t> all(kImages);
  std::iota(all.begin(), all.end(), 0);
  const torch::Tensor expected = sunsets().load(all);
  for (const std::vector<int64_t>& ends :
       {std::vector<int64_t>{8, 16, 20}, {8, 12, 16, 20}, {3, 4, 20}}) {  // 8 is what is guessed
    ConsecutiveImages images(sunsets(), kImages, 8);
    std::vector<torch::Tensor> batches;
    for (int64_t begin = 0; const int64_t end : ends) {
      batches.push_back(images.load(begin, end));
      begin = end;
    }
    EXPECT_TRUE(torch::equal(torch::cat(batches), expected));
  }
}

TEST(TrainingImages, AreTheSamplersThroughTheViewsOfTheirNumbers) {
  const Augmentation augmentation{true, 0.5};
  TrainingImages images(sunsets(), augmentation, kSeed, kBatch, kSteps);
  ImageSampler sampler(images_of(sunsets().index(), Split::kTrain), kSeed);
  for (int64_t step = 0; step < kSteps; ++step) {
    std::vector<View> views;
    for (int64_t i = 0; i < kBatch; ++i) {
      views.push_back(draw_view(augmentation, kSeed, step * kBatch + i));
    }
    const torch::Tensor expected = sunsets().load(sampler.next(step * kBatch, kBatch), views);
    EXPECT_TRUE(torch::equal(images.load(step), expected)) << step;
  }
}

TEST(TrainingImages, AResumedTrainingSeesWhatAnUninterruptedOneSees) {
  const Augmentation augmentation{true, 0.5};
  TrainingImages first(sunsets(), augmentation, kSeed, kBatch, kSteps);
  std::vector<torch::Tensor> seen;
  for (int64_t step = 0; step < kSteps; ++step) seen.push_back(first.load(step));
  TrainingImages resumed(sunsets(), augmentation, kSeed, kBatch, kSteps);
  for (int64_t step = 4; step < kSteps; ++step) {
    EXPECT_TRUE(torch::equal(resumed.load(step), seen[step])) << step;
  }
}

TEST(TrainingImages, WithoutAugmentationAreTheWholeImages) {
  TrainingImages images(sunsets(), {}, kSeed, kBatch, kSteps);
  ImageSampler sampler(images_of(sunsets().index(), Split::kTrain), kSeed);
  EXPECT_TRUE(torch::equal(images.load(0), sunsets().load(sampler.next(0, kBatch))));
}

TEST(CodesSeen, AreTheMirroredImagesWhereTheSamplesViewIs) {
  const TokenGrids tokens{{1, 2},
                          100,
                          torch::tensor({{0, 1}, {10, 11}, {20, 21}}),
                          torch::tensor({{51, 50}, {61, 60}, {71, 70}})};
  const torch::Tensor images = torch::tensor({2, 0, 1, 2, 0, 1, 2, 0}, torch::kInt64);
  const torch::Tensor seen = codes_seen(tokens, images, 3, 40);
  int64_t mirrored = 0;
  for (int64_t i = 0; i < 8; ++i) {
    const bool mirror = draw_view({.mirror = true}, 3, 40 + i).mirrored;
    mirrored += mirror;
    const torch::Tensor& codes = mirror ? tokens.mirrored : tokens.codes;
    EXPECT_TRUE(torch::equal(seen[i], codes[images[i].item<int64_t>()])) << i;
  }
  EXPECT_GT(mirrored, 0);
  EXPECT_LT(mirrored, 8);
  const TokenGrids plain{{1, 2}, 100, tokens.codes};
  EXPECT_TRUE(torch::equal(codes_seen(plain, images, 3, 40), tokens.codes.index_select(0, images)));
}

/// A variable of the environment for the length of a test.
class Variable {
 public:
  Variable(std::string name, const char* value) : name_(std::move(name)) {
    if (const char* before = std::getenv(name_.c_str())) before_ = before;
    ::setenv(name_.c_str(), value, 1);
  }
  ~Variable() {
    if (before_) {
      ::setenv(name_.c_str(), before_->c_str(), 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
  std::optional<std::string> before_;
};

TEST(PixelCacheFromEnvironment, IsTheUsersCacheUnlessAnotherFolderIsNamed) {
  const Variable home("HOME", "/home/me"), cache("XDG_CACHE_HOME", ""), own("OAR_PIXEL_CACHE", "");
  EXPECT_EQ(pixel_cache_from_environment().folder, "/home/me/.cache/oar-bench/pixels");
  const Variable other("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(pixel_cache_from_environment().folder, "/cache/oar-bench/pixels");
  const Variable named("OAR_PIXEL_CACHE", "/scratch/pixels");
  EXPECT_EQ(pixel_cache_from_environment().folder, "/scratch/pixels");
  const Variable off("OAR_PIXEL_CACHE", "off");
  EXPECT_EQ(pixel_cache_from_environment().folder, "");
}

TEST(PixelCacheFromEnvironment, ItsSizeIsANumberOfBytesAsPeopleWriteIt) {
  const Variable size("OAR_PIXEL_CACHE_SIZE", "2GiB");
  EXPECT_EQ(pixel_cache_from_environment().max_bytes, int64_t{2} << 30);
  const Variable wrong("OAR_PIXEL_CACHE_SIZE", "much");
  EXPECT_THROW(pixel_cache_from_environment(), std::invalid_argument);
}

}  // namespace
}  // namespace oar
