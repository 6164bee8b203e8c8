#include "orders/patch_detail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Patches of 1x2 pixels on a 2x2 grid; the grey values of the four: {0, 0}, {10, 20}, {0, 200}, {7,
// 7}.
torch::Tensor example() {
  const torch::Tensor grey = torch::tensor({{0, 0, 10, 20}, {0, 200, 7, 7}}, torch::kUInt8);
  return grey.view({1, 1, 2, 4}).expand({1, 3, 2, 4}).contiguous();
}

TEST(PatchDetail, IsTheStandardDeviationOfTheGreyValuesOfEachPatch) {
  EXPECT_TRUE(patch_detail(example(), {2, 2})
                  .allclose(torch::tensor({{0.0, 5.0, 100.0, 0.0}}, torch::kFloat64)));
}

TEST(PatchDetail, ColoursOfOneGreyAreOneColour) {
  torch::Tensor image = torch::zeros({1, 3, 1, 2}, torch::kUInt8);
  image[0][0][0][0] = 90;  // red beside blue: both have the grey value 30
  image[0][2][0][1] = 90;
  EXPECT_EQ(patch_detail(image, {1, 1}).item<double>(), 0.0);
}

TEST(PatchDetail, RefusesImagesThatPatchesDoNotDivide) {
  EXPECT_THAT(
      [] {
        patch_detail(torch::zeros({1, 3, 4, 5}, torch::kUInt8), {2, 2});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("found [1, 3, 4, 5]")));
}

TEST(SimpleFirst, IsOneFromSimpleToDetailedAndMinusOneBackwards) {
  const torch::Tensor detail = torch::tensor({{4.0, 1.0, 9.0, 0.5}}, torch::kFloat64);
  const torch::Tensor rising = torch::tensor({{2, 1, 3, 0}});
  EXPECT_NEAR(simple_first(rising, detail).item<double>(), 1, 1e-12);
  EXPECT_NEAR(simple_first(3 - rising, detail).item<double>(), -1, 1e-12);
}

// scipy.stats.spearmanr([0, 1, 2, 3, 4, 5], [0, 0, 3, 0, 7, 3]).statistic
TEST(SimpleFirst, EqualDetailsShareTheirMeanRank) {
  const torch::Tensor detail = torch::tensor({{0.0, 0.0, 3.0, 0.0, 7.0, 3.0}}, torch::kFloat64);
  EXPECT_NEAR(simple_first(torch::tensor({{0, 1, 2, 3, 4, 5}}), detail).item<double>(),
              0.6789347398332045, 1e-12);
}

TEST(SimpleFirst, IsNotANumberWhereAllPatchesAreAlike) {
  const torch::Tensor steps = torch::tensor({{0, 1}, {1, 0}});
  const torch::Tensor detail = torch::tensor({{3.0, 3.0}, {1.0, 2.0}}, torch::kFloat64);
  const torch::Tensor rho = simple_first(steps, detail);
  EXPECT_TRUE(std::isnan(rho[0].item<double>()));
  EXPECT_NEAR(rho[1].item<double>(), -1, 1e-12);
  EXPECT_THROW(simple_first(steps, detail.narrow(1, 0, 1)), std::invalid_argument);
}

}  // namespace
}  // namespace oar
