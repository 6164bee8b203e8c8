#include "datasets/planted_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::HasSubstr;

PlantedPathConfig config_of(std::vector<int64_t> path, int64_t codes, double noise) {
  PlantedPathConfig config;
  config.path = torch::tensor(path, torch::kInt64);
  config.codes = codes;
  config.noise = noise;
  return config;
}

std::vector<int64_t> straight(int64_t n) {
  std::vector<int64_t> path(n);
  std::iota(path.begin(), path.end(), 0);
  return path;
}

/// Every image there is: int64 [V^N, N].
torch::Tensor all_images(int64_t n, int64_t codes) {
  int64_t count = 1;
  for (int64_t i = 0; i < n; ++i) count *= codes;
  torch::Tensor images = torch::empty({count, n}, torch::kInt64);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (int64_t p = 0; p < n; ++p, rest /= codes) images[i][p] = rest % codes;
  }
  return images;
}

TEST(PlantedPath, TwoPatchesOfTwoCodesByHand) {  // ε = 0.2: the successor, the other code, has 0.9
  const PlantedPath data(config_of({1, 0}, 2, 0.2));
  EXPECT_TRUE(data.successor().equal(torch::tensor({1, 0}, torch::kInt64)));
  EXPECT_NEAR(data.entropy(), std::log(2.0) - 0.9 * std::log(0.9) - 0.1 * std::log(0.1), 1e-15);
  const torch::Tensor log_p =
      data.log_likelihood(torch::tensor({0, 1, 1, 1}, torch::kInt64).view({2, 2}));
  EXPECT_NEAR(log_p[0].item<double>(), std::log(0.5 * 0.9), 1e-15);
  EXPECT_NEAR(log_p[1].item<double>(), std::log(0.5 * 0.1), 1e-15);
}

TEST(PlantedPath, WithoutNoiseOnlyTheFirstCodeIsUncertain) {
  const PlantedPath data(config_of(straight(9), 5, 0.0));
  EXPECT_DOUBLE_EQ(data.entropy(), std::log(5.0));
  const torch::Tensor images = data.codes(0, 50);
  EXPECT_TRUE(
      data.log_likelihood(images).allclose(torch::full({50}, -std::log(5.0), torch::kFloat64)));
  for (int64_t step = 1; step < 9; ++step) {
    EXPECT_TRUE(images.select(1, step).equal(data.successor().take(images.select(1, step - 1))));
  }
  torch::Tensor impossible = images.slice(0, 0, 1).clone();
  impossible[0][3] = impossible[0][2];
  EXPECT_EQ(data.log_likelihood(impossible)[0].item<double>(),
            -std::numeric_limits<double>::infinity());
}

TEST(PlantedPath, WithNothingButNoiseEveryImageIsEquallyLikely) {
  const PlantedPath data(config_of(straight(6), 7, 1.0));
  EXPECT_NEAR(data.entropy(), 6 * std::log(7.0), 1e-12);
  EXPECT_TRUE(data.log_likelihood(data.codes(0, 20))
                  .allclose(torch::full({20}, -6 * std::log(7.0), torch::kFloat64)));
}

TEST(PlantedPath, TheLikelihoodsOfAllImagesSumToOneAndGiveTheEntropy) {
  const PlantedPath data(config_of({2, 0, 3, 1}, 3, 0.4));
  const torch::Tensor log_p = data.log_likelihood(all_images(4, 3));
  EXPECT_NEAR(log_p.exp().sum().item<double>(), 1.0, 1e-12);
  EXPECT_NEAR(-(log_p.exp() * log_p).sum().item<double>(), data.entropy(), 1e-12);
}

TEST(PlantedPath, DrawsImagesAsOftenAsTheirLikelihoodSays) {
  const PlantedPath data(config_of({1, 2, 0}, 2, 0.3));
  constexpr int64_t kDrawn = 40'000;
  const torch::Tensor drawn = data.codes(0, kDrawn), images = all_images(3, 2);
  const torch::Tensor p = data.log_likelihood(images).exp();
  for (int64_t i = 0; i < images.size(0); ++i) {
    const double share = (drawn == images[i]).all(1).to(torch::kFloat64).mean().item<double>();
    const double expected = p[i].item<double>();
    EXPECT_NEAR(share, expected, 5 * std::sqrt(expected * (1 - expected) / kDrawn)) << i;  // five σ
  }
}

TEST(PlantedPath, TheMeanLikelihoodOfManyImagesApproachesTheEntropy) {
  const PlantedPath data(config_of(straight(16), 8, 0.15));
  const torch::Tensor nats = -data.log_likelihood(data.codes(0, 20'000));
  const double error = nats.std().item<double>() / std::sqrt(20'000.0);
  EXPECT_NEAR(nats.mean().item<double>(), data.entropy(), 5 * error);  // five σ
}

TEST(PlantedPath, TheSuccessorIsOneCycleWhateverTheSeed) {
  for (const int64_t codes : {2, 3, 8, 100}) {
    PlantedPathConfig config = config_of({0}, codes, 0.1);
    for (config.seed = 0; config.seed < 5; ++config.seed) {
      const PlantedPath data(config);
      int64_t code = 0, length = 0;
      do {
        code = data.successor()[code].item<int64_t>();
        ++length;
      } while (code != 0 && length <= codes);
      EXPECT_EQ(length, codes);
    }
  }
}

TEST(PlantedPath, AnImageIsTheSameInEveryRangeAndOtherUnderAnotherSeed) {
  PlantedPathConfig config = config_of(straight(16), 8, 0.15);
  const torch::Tensor all = PlantedPath(config).codes(0, 20);
  EXPECT_TRUE(PlantedPath(config).codes(7, 9).equal(all.slice(0, 7, 9)));
  config.seed = 1;
  EXPECT_FALSE(PlantedPath(config).codes(0, 20).equal(all));
}

TEST(PlantedPath, ItsIndexHoldsOutTheShareAskedForAndHasNoClasses) {
  PlantedPathConfig config = config_of(straight(4), 8, 0.15);
  config.images = 40;
  config.held_out = 0.25;
  const DatasetIndex index = PlantedPath(config).index();
  const DatasetCounts counts = count_images(index);
  EXPECT_EQ(counts.images, 40);
  EXPECT_EQ(counts.held_out, 10);
  EXPECT_TRUE(index.classes.empty());
  EXPECT_EQ(index.images[39].file, "planted_path-0000039");
  EXPECT_EQ(index.images[39].sha256.size(), 64u);
  config.images = 0;
  EXPECT_EQ(PlantedPath(config).config().images, 20'000);
}

TEST(PlantedPath, RefusesWhatIsNoPathAndSettingsOutOfRange) {
  const auto refused = [](PlantedPathConfig config) {
    return message_of<std::invalid_argument>([&] { PlantedPath{config}; });
  };
  EXPECT_THAT(refused(config_of({0, 2, 2}, 8, 0.1)), HasSubstr("permutation of the positions"));
  EXPECT_THAT(refused(PlantedPathConfig{}), HasSubstr("permutation of the positions"));
  EXPECT_THAT(refused(config_of({0}, 1, 0.1)), HasSubstr("codes must be 2 to 32767, got 1"));
  EXPECT_THAT(refused(config_of({0}, 8, 1.5)), HasSubstr("noise must be 0 to 1, got 1.5"));
  PlantedPathConfig config = config_of({0}, 8, 0.1);
  config.images = -1;
  EXPECT_THAT(refused(config), HasSubstr("images must be 0 to 10000000, got -1"));
  config.images = 1;
  config.held_out = 1;
  EXPECT_THAT(refused(config), HasSubstr("held_out must be at least 0 and below 1, got 1"));
}

TEST(ListTokenDatasets, NamesPlantedPathWhichHasNoImages) {
  ASSERT_EQ(list_token_datasets().size(), 1u);
  EXPECT_EQ(list_token_datasets().front().first, "planted_path");
  DatasetConfig config;
  config.name = "planted_path";
  EXPECT_EQ(message_of<std::invalid_argument>([&] { make_dataset(config); }),
            "the data set \"planted_path\" has codes and no images");
}

}  // namespace
}  // namespace oar
