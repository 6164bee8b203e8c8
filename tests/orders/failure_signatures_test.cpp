#include "orders/failure_signatures.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "orders/order_policy.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

torch::Tensor raster(const Grid& grid) { return at::arange(grid.size()).unsqueeze(0); }

Signature signature(const std::string& name, const OrderStatistics& statistics,
                    const SignatureEvidence& evidence = {}) {
  for (const Signature& found : failure_signatures(statistics, evidence)) {
    if (found.name == name) return found;
  }
  return {};
}

// Ordered pairs of cells of a 1x4 grid that are 2 or 3 patches apart: 6 of 12.
TEST(RandomLongJumpShare, IsTheShareOfPairsOfCells) {
  EXPECT_DOUBLE_EQ(random_long_jump_share({1, 4}), 0.5);
  EXPECT_DOUBLE_EQ(random_long_jump_share({2, 3}), 16.0 / 30);  // all but the 7 neighbouring pairs
  EXPECT_TRUE(std::isnan(random_long_jump_share({1, 1})));
}

TEST(RandomLongJumpShare, IsWhatRandomOrdersHave) {
  const Grid grid{8, 8};
  OrderConfig config;
  config.name = "random";
  config.grid = grid;
  const auto statistics = order_statistics(make_order(config)->position_at(at::arange(500)), grid);
  // 31,500 jumps: five standard errors of a share of about a quarter are 0.013.
  EXPECT_NEAR(statistics.long_jump_share, random_long_jump_share(grid), 0.013);
}

TEST(Jumping, IsPresentHalfwayFromRasterToRandom) {  // 1x5: 0 and 6/20, so from 0.15 on
  const Grid grid{1, 5};
  const auto of = [&](const torch::Tensor& order) {
    return signature("jumping", order_statistics(order, grid));
  };
  const Signature calm = of(raster(grid)), jumps = of(torch::tensor({{0, 3, 4, 2, 1}}));
  EXPECT_EQ(calm.present, false);
  EXPECT_EQ(calm.value, 0.0);
  EXPECT_DOUBLE_EQ(*calm.threshold, 0.15);
  EXPECT_EQ(jumps.present, true);
  EXPECT_DOUBLE_EQ(*jumps.value, 0.25);
  EXPECT_THAT(
      jumps.sentence,
      HasSubstr("25.0 % of the jumps are longer than 2.0 patches, half of the longest there "
                "is; raster has 0.0 %, random orders 30.0 %."));
  EXPECT_THAT(jumps.sentence, HasSubstr("a larger distance_penalty keeps jumps short"));
  EXPECT_THAT(calm.sentence, ::testing::Not(HasSubstr("distance_penalty")));
}

TEST(Jumping, OfAFixedOrderIsNoFailure) {
  const Grid grid{1, 5};
  const Signature found = signature(
      "jumping", order_statistics(torch::tensor({{0, 3, 4, 2, 1}}), grid), {.is_learned = false});
  EXPECT_FALSE(found.present.has_value());
  EXPECT_DOUBLE_EQ(*found.value, 0.25);
  EXPECT_THAT(found.sentence, HasSubstr("A fixed order jumps by design."));
}

TEST(Jumping, OfOnePatchCannotBeJudged) {
  EXPECT_FALSE(signature("jumping", order_statistics(raster({1, 1}), Grid{1, 1})).present);
}

/// 2x2 patches of 2x2 pixels, each patch of one grey level.
torch::Tensor patches(std::vector<int64_t> levels) {
  return torch::tensor(levels, torch::kInt64)
      .to(torch::kUInt8)
      .view({1, 1, 2, 2})
      .repeat_interleave(2, 2)
      .repeat_interleave(2, 3)
      .expand({1, 3, 4, 4})
      .contiguous();
}

// Steps 0 1 / 3 2: only the border between steps 0 and 3, on the left, is over 2 steps wide.
TEST(SeamEnergy, IsTheDifferenceAcrossFarBordersLessThatAcrossNearOnes) {
  const torch::Tensor steps = torch::tensor({{0, 1, 3, 2}});
  EXPECT_DOUBLE_EQ(seam_energy(patches({10, 10, 50, 10}), steps, {2, 2}), 40.0 - 40.0 / 3);
  EXPECT_DOUBLE_EQ(seam_energy(patches({10, 40, 10, 40}), steps, {2, 2}), 0 - (30 + 30 + 0) / 3.0);
  EXPECT_DOUBLE_EQ(seam_energy(patches({7, 7, 7, 7}), steps, {2, 2}), 0.0);
}

TEST(SeamEnergy, LooksAtPixelsNextToTheBorderOnly) {
  torch::Tensor image = patches({10, 10, 10, 10});
  image.narrow(2, 0, 1).fill_(200);  // the topmost row of pixels, alike on both sides of its border
  const torch::Tensor steps = torch::tensor({{0, 1, 3, 2}});
  EXPECT_DOUBLE_EQ(seam_energy(image, steps, {2, 2}), 0.0);
  image.narrow(2, 1, 1).fill_(200);  // the row at the borders to the patches below
  EXPECT_DOUBLE_EQ(seam_energy(image, steps, {2, 2}), 190.0 - 190.0 / 3);
}

TEST(SeamEnergy, OfOrdersWithoutFarNeighboursIsNotANumber) {
  EXPECT_TRUE(
      std::isnan(seam_energy(torch::zeros({1, 3, 1, 5}, torch::kUInt8), raster({1, 5}), {1, 5})));
}

TEST(SeamEnergy, RefusesImagesThatPatchesDoNotDivide) {
  EXPECT_THROW(seam_energy(torch::zeros({1, 3, 5, 4}, torch::kUInt8), raster({2, 2}), {2, 2}),
               std::invalid_argument);
  EXPECT_THROW(seam_energy(torch::zeros({2, 3, 4, 4}, torch::kUInt8), raster({2, 2}), {2, 2}),
               std::invalid_argument);
}

TEST(Seams, ArePresentAboveFiveGreyLevels) {
  const torch::Tensor order = torch::tensor({{0, 1, 3, 2}});
  const auto statistics = order_statistics(order, Grid{2, 2});
  const auto of = [&](int64_t level) {
    return signature("seams", statistics,
                     {.step_of = step_of(order), .images = patches({0, 0, level, level})});
  };
  EXPECT_EQ(of(0).present, false);
  EXPECT_DOUBLE_EQ(*of(9).value, 9 - 9 / 3.0);  // left 9; right 9, top 0, bottom 0
  EXPECT_EQ(of(9).present, true);
  EXPECT_EQ(of(7).present, false);
  EXPECT_THAT(of(9).sentence, HasSubstr("pixels differ by 6.0 grey levels more"));
}

TEST(Seams, CannotBeJudgedWithoutImages) {
  const auto found = signature("seams", order_statistics(raster({2, 2}), Grid{2, 2}));
  EXPECT_FALSE(found.present.has_value());
  EXPECT_FALSE(found.value.has_value());
  EXPECT_THAT(found.sentence, HasSubstr("need images"));
}

TEST(BackgroundFirstIndex, GoesFromOneToMinusOne) {
  const torch::Tensor background = torch::tensor({{true, true, false}}).expand({3, 3});
  const torch::Tensor steps = torch::tensor({{0, 1, 2}, {2, 1, 0}, {0, 2, 1}});
  const torch::Tensor index = background_first_index(steps, background);
  EXPECT_DOUBLE_EQ(index[0].item<double>(), 1);
  EXPECT_DOUBLE_EQ(index[1].item<double>(), -1);
  EXPECT_DOUBLE_EQ(index[2].item<double>(), 0);  // one of the two pairs starts with the background
}

// scipy.stats.mannwhitneyu(object, background).statistic is 11 of 15 pairs: 2 · 11 / 15 - 1.
TEST(BackgroundFirstIndex, IsTwiceTheShareOfMannAndWhitneyLessOne) {
  const torch::Tensor steps = torch::tensor({{3, 0, 5, 1, 7, 2, 6, 4}});
  const torch::Tensor background =
      torch::tensor({{true, true, false, true, false, false, true, true}});
  const double expected = 2 * 11.0 / 15 - 1;
  EXPECT_NEAR(background_first_index(steps, background).item<double>(), expected, 1e-15);
}

TEST(BackgroundFirstIndex, OfAnImageWithoutAnObjectIsNotANumber) {
  const torch::Tensor steps = torch::tensor({{0, 1}, {1, 0}});
  const torch::Tensor index =
      background_first_index(steps, torch::tensor({{true, true}, {false, false}}));
  EXPECT_TRUE(index.isnan().all().item<bool>());
}

TEST(BackgroundFirstIndex, RefusesMasksOfOtherImages) {
  EXPECT_THROW(background_first_index(raster({1, 4}), torch::ones({2, 4}, torch::kBool)),
               std::invalid_argument);
}

TEST(BackgroundBias, IsPresentWhereTheBackgroundStartsThreeOfFourPairs) {
  const Grid grid{1, 4};
  const auto of = [&](const torch::Tensor& order) {
    return signature(
        "background_bias", order_statistics(order, grid),
        {.step_of = step_of(order), .background = torch::tensor({{true, true, false, false}})});
  };
  EXPECT_EQ(of(raster(grid)).present, true);
  EXPECT_EQ(of(raster(grid)).value, 1.0);
  EXPECT_THAT(of(raster(grid)).sentence, HasSubstr("first in 100 % of the cases"));
  const Signature threshold = of(torch::tensor({{0, 2, 1, 3}}));  // 3 of 4 pairs: not over it
  EXPECT_DOUBLE_EQ(*threshold.value, 0.5);
  EXPECT_EQ(threshold.present, false);
}

TEST(BackgroundBias, LeavesImagesWithoutAnObjectOutAndIsUnknownWithoutMasks) {
  const Grid grid{1, 2};
  const torch::Tensor orders = torch::tensor({{0, 1}, {0, 1}});
  const auto of = [&](const torch::Tensor& background) {
    return signature("background_bias", order_statistics(orders, grid),
                     {.step_of = step_of(orders), .background = background});
  };
  EXPECT_EQ(of(torch::tensor({{true, true}, {true, false}})).value, 1.0);
  EXPECT_FALSE(of(torch::tensor({{true, true}, {true, true}})).present.has_value());
  EXPECT_FALSE(of({}).value.has_value());
}

TEST(FailureSignatures, NameEveryFailureOfTheStudyInOneOrder) {
  std::vector<std::string> names;
  for (const Signature& found :
       failure_signatures(order_statistics(raster({2, 2}), Grid{2, 2}), {})) {
    names.push_back(found.name);
    EXPECT_FALSE(found.sentence.empty());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("jumping", "seams", "background_bias", "memory"));
}

TEST(UnderTrained, IsAModelThatKnowsHardlyMoreThanTheCodesFrequencies) {
  const Signature young = under_trained(95, 100), learned = under_trained(89, 100);
  EXPECT_EQ(young.name, "under_trained");
  EXPECT_EQ(young.present, true);
  EXPECT_DOUBLE_EQ(young.value.value(), 0.95);
  EXPECT_THAT(young.sentence, HasSubstr("train longer"));
  EXPECT_EQ(learned.present, false);
  EXPECT_THAT(learned.sentence, Not(HasSubstr("train longer")));
  EXPECT_EQ(under_trained(0, 0).present, std::nullopt);  // one code alone
}

}  // namespace
}  // namespace oar
