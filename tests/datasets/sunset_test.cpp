#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <set>
#include <string>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "datasets/sunset_scene.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

DatasetConfig config_of(int64_t images, int64_t image_size = 32) {
  DatasetConfig config;
  config.name = "sunset";
  config.max_images = images;
  config.image_size = image_size;
  return config;
}

/// Mean colour, 0 .. 1, of the pixels of `image` [3, S, S] where `mask` [S, S] shows `part`.
Colour mean_colour(const torch::Tensor& image, const torch::Tensor& mask, SunsetPart part) {
  const torch::Tensor chosen =
      image.to(torch::kFloat64).masked_select(mask == static_cast<int>(part));
  const torch::Tensor mean = chosen.view({3, -1}).mean(1) / 255;
  return {mean[0].item<double>(), mean[1].item<double>(), mean[2].item<double>()};
}

/// Position of the nearest of four colours.
template <typename ColourOf>
int64_t nearest(const Colour& colour, const ColourOf& colour_of) {
  int64_t best = -1;
  double best_distance = std::numeric_limits<double>::max();
  for (size_t i = 0; i < kSunColours.size(); ++i) {
    const Colour other = colour_of(kSunColours[i]);
    double distance = 0;
    for (size_t c = 0; c < 3; ++c) distance += (colour[c] - other[c]) * (colour[c] - other[c]);
    if (distance < best_distance) {
      best_distance = distance;
      best = static_cast<int64_t>(i);
    }
  }
  return best;
}

TEST(Sunset, TheSunOfAnImageIsRecognisedAtAnySize) {
  for (const int64_t size : {16, 32, 64}) {
    int64_t recognised = 0;
    for (int64_t number = 0; number < 500; ++number) {
      const SunsetScene scene = make_sunset_scene(3, number);
      std::vector<uint8_t> pixels(3 * size * size);
      draw_sunset(scene, size, pixels.data(), nullptr);
      recognised += sun_colour_of(pixels.data(), size) == scene.colour ? 1 : 0;
    }
    EXPECT_GE(recognised, 495) << size;
  }
}

TEST(Sunset, LabelsNameTheColourOfTheSunAndCaptionsSayIt) {
  const auto dataset = make_dataset(config_of(64));
  EXPECT_THAT(dataset->index().classes, ElementsAre("golden", "orange", "red", "violet"));
  std::set<std::string> captions;
  for (const ImageRecord& image : dataset->index().images) {
    EXPECT_EQ(image.caption, kSunColours[image.label].caption);
    captions.insert(image.caption);
  }
  EXPECT_THAT(captions, ElementsAre("a golden sunset", "a red sunset", "a violet sunset",
                                    "an orange sunset"));
}

TEST(Sunset, TheSunAndTheCloudsTellTheLabel) {  // "sun before clouds" can be measured
  const auto dataset = make_dataset(config_of(200));
  std::vector<int64_t> all(200);
  for (int64_t i = 0; i < 200; ++i) all[i] = i;
  const torch::Tensor images = dataset->load(all), masks = *dataset->masks(all);
  const auto cloud = [](const SunColour& sun) {
    const Colour lit = lit_cloud(sun), shaded = shaded_cloud(sun);
    return Colour{(lit[0] + shaded[0]) / 2, (lit[1] + shaded[1]) / 2, (lit[2] + shaded[2]) / 2};
  };
  for (const int64_t i : all) {
    const int64_t label = dataset->index().images[i].label;
    const Colour of_sun = mean_colour(images[i], masks[i], SunsetPart::kSun);
    const Colour of_clouds = mean_colour(images[i], masks[i], SunsetPart::kCloud);
    EXPECT_EQ(nearest(of_sun, [](const SunColour& sun) { return sun.colour; }), label) << i;
    EXPECT_EQ(nearest(of_clouds, cloud), label) << i;
  }
}

TEST(Sunset, EveryImageHasEnoughSunAndCloudToSee) {  // at 32x32: 30 and 8 pixels
  const auto dataset = make_dataset(config_of(500));
  for (int64_t i = 0; i < 500; ++i) {
    const torch::Tensor mask = dataset->masks({i})->squeeze(0);
    EXPECT_GE((mask == 1).sum().item<int64_t>(), 30) << i;
    EXPECT_GE((mask == 2).sum().item<int64_t>(), 8) << i;
    EXPECT_GE((mask == 0).sum().item<int64_t>(), 512) << i;
    EXPECT_LE(mask.max().item<int64_t>(), 2) << i;
  }
}

TEST(Sunset, TheSunIsADiscOfItsRadius) {  // where nothing covers it: area π r²
  for (int64_t number = 0; number < 200; ++number) {
    SunsetScene scene = make_sunset_scene(3, number);
    scene.clouds.clear();
    scene.has_hills = false;
    torch::Tensor mask = torch::empty({256, 256}, torch::kUInt8);
    draw_sunset(scene, 256, nullptr, mask.data_ptr<uint8_t>());
    if (scene.sun_x - scene.sun_radius < 0 || scene.sun_x + scene.sun_radius > 1) continue;
    const double area = mask.sum().item<double>() / (256.0 * 256.0);
    const double expected = std::numbers::pi * scene.sun_radius * scene.sun_radius;
    EXPECT_NEAR(area / expected, 1.0, 0.01)
        << number;  // pixels along the rim: about 1 / (r·256)^1.5
  }
}

TEST(Sunset, TheSameSceneIsDrawnAtEverySize) {
  const auto small = make_dataset(config_of(20, 32)), large = make_dataset(config_of(20, 128));
  std::vector<int64_t> all(20);
  for (int64_t i = 0; i < 20; ++i) all[i] = i;
  const torch::Tensor shrunk =
      large->load(all).to(torch::kFloat32).view({20, 3, 32, 4, 32, 4}).mean({3, 5});
  const torch::Tensor difference = (small->load(all).to(torch::kFloat32) - shrunk).abs();
  EXPECT_LT(difference.mean().item<double>(), 1.0);  // of 255; edges differ, areas do not
}

TEST(Sunset, AnImageIsTheSameInEveryBatchAndDataset) {
  const auto few = make_dataset(config_of(10)), many = make_dataset(config_of(40));
  const torch::Tensor alone = few->load({7});
  EXPECT_TRUE(torch::equal(few->load({1, 7, 7, 0})[2], alone[0]));
  EXPECT_TRUE(torch::equal(many->load({39, 7})[1], alone[0]));
  EXPECT_TRUE(torch::equal((*few->masks({1, 7}))[1], (*many->masks({7}))[0]));
}

TEST(Sunset, AnotherSeedMakesOtherImages) {
  DatasetConfig config = config_of(1);
  const torch::Tensor first = make_dataset(config)->load({0});
  config.seed = 1;
  EXPECT_FALSE(torch::equal(make_dataset(config)->load({0}), first));
}

TEST(Sunset, TheHashIsThatOfThePixels) {
  const auto dataset = make_dataset(config_of(3));
  const torch::Tensor image = dataset->load({2});
  EXPECT_EQ(dataset->index().images[2].sha256,
            sha256_hex(std::as_bytes(std::span(image.data_ptr<uint8_t>(), image.numel()))));
}

TEST(Sunset, NeedsNoRootAndMakes5000ImagesUnlessTold) {
  const DatasetCounts counts = count_images(make_dataset(config_of(0, 8))->index());
  EXPECT_EQ(counts.images, 5000);
  EXPECT_EQ(counts.held_out, 500);
  EXPECT_EQ(counts.without_caption + counts.without_label + counts.rejected, 0);
  for (const int64_t count : counts.per_class) EXPECT_NEAR(count, 1250, 150);  // five σ of 31
}

TEST(Sunset, RefusesColumnsAndMoreImagesThanItHasNamesFor) {
  DatasetConfig config = config_of(3);
  config.class_column = "colour";
  EXPECT_THAT(message_of<std::invalid_argument>([&] { make_dataset(config); }),
              HasSubstr("class_column is \"colour\", but sunset has no columns"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { make_dataset(config_of(20'000'000)); }),
              HasSubstr("max_images of sunset must be at most 10000000, got 20000000"));
}

}  // namespace
}  // namespace oar
