#include "metrics/kid.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <limits>
#include <utility>

#include "tests/metrics/feature_sets.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor column(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64).unsqueeze(1);
}

// Kernel (x y + 1)^3 for one feature. A subset as large as the set is the set.
TEST(Kid, OfTwoAgainstTwoImagesByHand) {
  // generated 0, 2: 2 * 1 off the diagonal; real 1, 3: 2 * 64; across: 1 + 1 + 27 + 343 = 372
  const Kid score = kid(column({1, 3}), column({0, 2}), 1, 2);
  EXPECT_NEAR(score.mean, (2.0 + 128.0) / 2 - 2 * 372.0 / 4, 1e-12);
  EXPECT_EQ(score.stddev, 0);
}

TEST(Kid, OfASetWithItselfIsNegativeBecauseTheDiagonalIsLeftOut) {
  // within: 2 * 64 for either side; across: 8 + 64 + 64 + 1000 = 1136
  EXPECT_NEAR(kid(column({1, 3}), column({1, 3}), 1, 2).mean, 256.0 / 2 - 2 * 1136.0 / 4, 1e-12);
}

TEST(Kid,
     OfTwoDifferentPointMassesIsTheirKernelDistance) {  // k(0,0) + k(1,1) - 2 k(0,1) = 1 + 8 - 2
  EXPECT_NEAR(kid(torch::ones({9, 1}), torch::zeros({9, 1}), 5, 4).mean, 7.0, 1e-12);
}

TEST(Kid,
     DividesTheDotProductByTheNumberOfFeatures) {  // twice the same feature: x·y/2 is unchanged
  const torch::Tensor real = column({1, 3, 4}), generated = column({0, 2, 5});
  EXPECT_NEAR(kid(real.repeat({1, 2}), generated.repeat({1, 2}), 1, 3).mean,
              kid(real, generated, 1, 3).mean, 1e-10);
}

TEST(Kid,
     OfTheWholeSetThreeTimesIsThatOfTheWholeSetOnce) {  // three subsets share one kernel matrix
  const torch::Tensor real = hashed_uniform(1, 400).view({40, 10}) * 5;
  const torch::Tensor generated = hashed_uniform(2, 400).view({40, 10}) * 4;
  const Kid thrice = kid(real, generated, 3, 40);
  EXPECT_NEAR(thrice.mean, kid(real, generated, 1, 40).mean, 1e-10);  // order of summation
  EXPECT_NEAR(thrice.stddev, 0.0, 1e-10);
}

// The unbiased estimate over whole sets, from its definition.
double mmd(const torch::Tensor& x, const torch::Tensor& y) {
  const auto kernel = [](const torch::Tensor& a, const torch::Tensor& b) {
    return (a.matmul(b.t()) / static_cast<double>(a.size(1)) + 1).pow(3);
  };
  const auto within = [&](const torch::Tensor& a) {
    const auto n = static_cast<double>(a.size(0));
    return (kernel(a, a).sum() - kernel(a, a).trace()) / (n * (n - 1));
  };
  return (within(x) + within(y) - 2 * kernel(x, y).mean()).item<double>();
}

TEST(Kid, OfASubsetOfSeveralBlocksFollowsTheDefinition) {  // 1024 images make a block
  const torch::Tensor real = hashed_normal(1, 2100, 7), generated = hashed_normal(2, 2100, 7) * 1.2;
  EXPECT_NEAR(kid(real, generated, 1, 2100).mean, mmd(real, generated), 1e-11);
}

TEST(Kid, OfManySubsetsOfSeveralBlocksIsThatOfEachSubset) {  // one kernel matrix for all of them
  const torch::Tensor real = hashed_normal(1, 1100, 5), generated = hashed_normal(2, 1300, 5) * 1.2;
  const Kid all = kid(real.slice(0, 0, 1100), generated.slice(0, 0, 1100), 9, 1100);
  EXPECT_NEAR(all.mean, mmd(real, generated.slice(0, 0, 1100)), 1e-11);
}

TEST(Kid, OfAFileIsThatOfTheTensorAndReadsAThousandRowsAtATime) {
  const torch::Tensor real = hashed_normal(1, 2500, 5), generated = hashed_normal(2, 2400, 5);
  for (const auto& [subsets, size] : {std::pair(2, 1500), std::pair(40, 1000)}) {  // each, at once
    int64_t most = 0;
    const Kid read = kid(as_a_file(real, &most), as_a_file(generated, &most), subsets, size);
    EXPECT_EQ(read.mean, kid(real, generated, subsets, size).mean);
    EXPECT_LE(most, 2048);
  }
}

TEST(Kid, SameSeedSameSubsets) {
  const torch::Tensor real = hashed_uniform(1, 90).view({30, 3}),
                      generated = hashed_uniform(2, 90).view({30, 3});
  EXPECT_EQ(kid(real, generated, 4, 5, 1).mean, kid(real, generated, 4, 5, 1).mean);
  EXPECT_NE(kid(real, generated, 4, 5, 1).mean, kid(real, generated, 4, 5, 2).mean);
}

TEST(Kid, RefusesSubsetsLargerThanASet) {
  const torch::Tensor many = torch::ones({50, 2}), few = torch::ones({20, 2});
  EXPECT_THAT(
      [&] { kid(many, few, 10, 30); },
      ThrowsMessage<std::invalid_argument>(HasSubstr(
          "kid_subset_size = 30 is more than the 20 generated images; set it to at most 20")));
  EXPECT_THAT([&] { kid(few, many, 10, 30); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("more than the 20 real images")));
}

TEST(Kid, RefusesSubsetsWithoutAPair) {
  const torch::Tensor x = torch::ones({5, 2});
  EXPECT_THAT([&] { kid(x, x, 10, 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("kid_subset_size must be >= 2")));
  EXPECT_THAT([&] { kid(x, x, 0, 2); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("kid_subsets must be >= 1, got 0")));
}

TEST(Kid, RefusesASeedThatNumpyWouldRefuse) {  // 2^32 would silently be the seed 0
  const torch::Tensor x = torch::ones({5, 2});
  for (int64_t seed : {int64_t{-1}, int64_t{1} << 32}) {
    EXPECT_THAT(
        [&] { kid(x, x, 1, 2, seed); },
        ThrowsMessage<std::invalid_argument>(HasSubstr("the seed must be in 0 .. 4294967295")));
  }
}

TEST(Kid, RefusesFeaturesOfTwoNetworksAndWhatIsNotANumber) {
  const torch::Tensor x = torch::ones({5, 2});
  EXPECT_THAT(
      [&] {
        kid(torch::ones({5, 3}), x, 1, 2);
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("one side has 3 features per image, the other 2")));
  torch::Tensor broken = x.clone();
  broken[2][0] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT([&] { kid(broken, x, 1, 2); }, ThrowsMessage<std::invalid_argument>(HasSubstr(
                                                 "KID, real images: 1 of 5 rows hold NaN or Inf")));
}

}  // namespace
}  // namespace oar
