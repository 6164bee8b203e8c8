// Numbers that describe a data set.
#include "harness/data/dataset_stats.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/stages/recipe_parts.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ChannelHistogram, HalfBlackHalfWhiteHasMeanAndDeviationOneHalf) {
  torch::Tensor image = at::zeros({2, 3, 4, 4}, torch::kByte);
  image[0][0].fill_(255);  // red: one image of two
  image[0][1].fill_(51);   // green: 0.2 and 0
  image.select(1, 2).fill_(255);
  ChannelHistogram histogram;
  histogram.add(image);
  EXPECT_THAT(histogram.mean(), ElementsAre(0.5, 0.1, 1.0));
  const auto deviation = histogram.deviation();
  EXPECT_DOUBLE_EQ(deviation[0], 0.5);
  EXPECT_NEAR(deviation[1], 0.1, 1e-15);
  EXPECT_DOUBLE_EQ(deviation[2], 0.0);
}

TEST(ChannelHistogram, BatchesDecideNothing) {
  const torch::Tensor images = at::full({4, 3, 8, 8}, 7, torch::kByte);
  images[2].fill_(99);
  ChannelHistogram at_once, one_by_one;
  at_once.add(images);
  for (int64_t i = 3; i >= 0; --i) one_by_one.add(images.slice(0, i, i + 1));
  EXPECT_EQ(at_once.mean(), one_by_one.mean());
  EXPECT_EQ(at_once.deviation(), one_by_one.deviation());
}

TEST(Spread, OfAnEvenCountTheMedianIsTheLowerMiddle) {
  const Spread spread = spread_of({40, 10, 30, 20});
  EXPECT_EQ(spread.least, 10);
  EXPECT_EQ(spread.median, 20);
  EXPECT_EQ(spread.most, 40);
  EXPECT_EQ(spread_of({}).most, 0);
}

TEST(Words, AreInLowerCaseWithoutPunctuationAroundThem) {
  EXPECT_THAT(words_of(" Palm-Tree  \"Girls'\" (White), Šárka -\n"),
              ElementsAre("palm-tree", "girls", "white", "Šárka"));
  EXPECT_THAT(words_of(" - , "), IsEmpty());
}

TEST(DatasetStats, CountClassesSizesAndCaptions) {
  DatasetIndex index;
  index.classes = {"cat", "dog"};
  const auto add = [&](int64_t width, int64_t height, const std::string& caption, int64_t label) {
    index.images.push_back({"a", "", width, height, caption, label});
  };
  add(100, 80, "A red dog", 1);
  add(100, 80, "a dog", 1);
  add(30, 60, "", 0);
  DatasetConfig config;
  config.name = "sunset";
  config.image_size = 64;
  const DatasetStats stats = stats_of_index(config, index);
  EXPECT_THAT(stats.classes, ElementsAre(Pair("dog", 2), Pair("cat", 1)));
  EXPECT_THAT(stats.sizes, ElementsAre(Pair("100x80", 2), Pair("30x60", 1)));
  EXPECT_EQ(stats.short_side.least, 30);
  EXPECT_EQ(stats.short_side.median, 80);
  EXPECT_EQ(stats.enlarged, 1) << "30 pixels become 64";
  EXPECT_THAT(stats.words, ElementsAre(Pair("a", 2), Pair("dog", 2), Pair("red", 1)));
  EXPECT_EQ(stats.caption_words.most, 3);
  EXPECT_EQ(stats.caption_bytes.least, 5);
  EXPECT_EQ(stats.counts.without_caption, 1);
}

TEST(DatasetStats, OfPlantedCodesComeWithinTheirExactEntropy) {
  DatasetChoice choice;
  choice.section = {{"name", "planted_path"},
                    {"root", ""},
                    {"held_out", 0.1},
                    {"seed", 3},
                    {"rows", 2},
                    {"cols", 2},
                    {"codes", 8},
                    {"noise", 0.15},
                    {"path", "raster"},
                    {"max_images", 4000}};
  const PlantedPath data(planted_path_from(choice.section));
  const nlohmann::json stats = planted_stats_json(choice, data);
  EXPECT_NEAR(stats.at("entropy_if_uniform").get<double>(), 4 * std::log(8.0), 1e-12);
  EXPECT_EQ(stats.at("mean_surprise_of"), 4000);
  // -log P of one image deviates by under 3 nats from H, the mean of 4,000 by under 0.05: 4 sigma.
  EXPECT_NEAR(stats.at("mean_surprise").get<double>(), data.entropy(), 0.2);
  EXPECT_LT(data.entropy(), stats.at("entropy_if_uniform").get<double>());
}

}  // namespace
}  // namespace oar
