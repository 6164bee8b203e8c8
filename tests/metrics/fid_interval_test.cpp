#include "metrics/fid_interval.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

#include "tests/metrics/feature_sets.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// A standard normal reference of which everything is known.
FidReference standard_normal(int64_t dim) {
  return FidReference(
      Moments{torch::zeros({dim}, torch::kFloat64), torch::eye(dim, torch::kFloat64), /*count=*/0});
}

constexpr double kShift = 0.5;  // in each of 4 features: a true FID of 4 · 0.25 = 1
torch::Tensor shifted(int64_t stream, int64_t images) {
  return hashed_normal(stream, images, 4) + kShift;
}

TEST(FidInterval, LiesAroundTheFidOfAllImages) {
  const torch::Tensor generated = shifted(1, 1003);
  const FidInterval found = fid_interval(standard_normal(4), generated);
  EXPECT_EQ(found.value, fid(standard_normal(4), FidReference(generated)));
  EXPECT_NEAR((found.low + found.high) / 2, found.value, 1e-12);
  EXPECT_EQ(found.subsets, 10);
  EXPECT_EQ(found.subset_size, 100);
}

TEST(FidInterval, ReachesStudentsQuantileTimesTheError) {  // from tables
  const auto reach = [](int64_t subsets, double confidence) {
    const FidInterval found =
        fid_interval(standard_normal(4), shifted(1, 200), subsets, confidence);
    return (found.high - found.value) / found.standard_error;
  };
  EXPECT_NEAR(reach(2, 0.95), 12.7062, 1e-4);
  EXPECT_NEAR(reach(3, 0.95), 4.3027, 1e-4);
  EXPECT_NEAR(reach(10, 0.95), 2.2622, 1e-4);
  EXPECT_NEAR(reach(11, 0.99), 3.1693, 1e-4);
  EXPECT_NEAR(reach(31, 0.90), 1.6973, 1e-4);
}

TEST(FidInterval, NarrowsWithTheRootOfTheNumberOfImages) {
  // FID moves by 2 · 0.5 per feature and unit of a mean's error: about √4 / √N and a little more
  // for the deviations. Its estimate from ten subsets is itself good to a quarter: 3 sigma.
  for (const int64_t images : {1000, 16000}) {
    const double expected = 2 / std::sqrt(static_cast<double>(images));
    const double found = fid_interval(standard_normal(4), shifted(7, images)).standard_error;
    EXPECT_NEAR(found / expected, 1.0, 0.75) << images;
  }
}

TEST(FidInterval, CoversTheExpectedFidInNineteenOfTwentySets) {
  constexpr int64_t kSets = 120, kImages = 400;
  double mean = 0;
  for (int64_t set = 0; set < kSets; ++set) {
    mean += fid(standard_normal(4), FidReference(shifted(1000 + set, kImages))) / kSets;
  }
  int64_t covered = 0;
  for (int64_t set = 0; set < kSets; ++set) {
    const FidInterval found = fid_interval(standard_normal(4), shifted(1000 + set, kImages));
    covered += static_cast<int64_t>(found.low <= mean && mean <= found.high);
  }
  EXPECT_GE(covered, 106);  // 114 expected; three binomial deviations of 2.4 below, one more above
  EXPECT_LE(covered, 119);
}

TEST(FidInterval, SameSeedSameSubsets) {
  const torch::Tensor generated = shifted(1, 300);
  const auto error = [&](int64_t seed) {
    return fid_interval(standard_normal(4), generated, 10, 0.95, seed).standard_error;
  };
  EXPECT_EQ(error(1), error(1));
  EXPECT_NE(error(1), error(2));
}

TEST(FidInterval, OfAFileIsThatOfTheTensor) {
  const torch::Tensor generated = shifted(1, 300);
  EXPECT_EQ(fid_interval(standard_normal(4), as_a_file(generated)).low,
            fid_interval(standard_normal(4), generated).low);
}

TEST(FidInterval, RefusesSubsetsThatHaveNoSpread) {
  const FidReference reference = standard_normal(4);
  EXPECT_THAT([&] { fid_interval(reference, shifted(1, 19)); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("19 generated images cannot be cut into 10 subsets of at least 2; use "
                            "at least 20")));
  EXPECT_THAT([&] { fid_interval(reference, shifted(1, 19), 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("fid_subsets must be >= 2")));
  EXPECT_THAT([&] { fid_interval(reference, shifted(1, 19), 2, 1.0); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("confidence must lie between")));
  EXPECT_THAT([&] { fid_interval(reference, shifted(1, 19), 2, 0.9, -1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("seed must be in 0 .. 4294967295")));
}

TEST(FidInfinity, IsNearerToTheTruthThanFidAndWithinItsError) {  // 30 features: biased upwards
  constexpr int64_t kSets = 16;
  const double truth = 30 * 0.01;
  const FidReference reference = standard_normal(30);
  double infinite = 0, finite = 0, error = 0;
  for (int64_t set = 0; set < kSets; ++set) {
    const torch::Tensor generated = hashed_normal(4000 + set, 1600, 30) + 0.1;
    const FidInfinity found = fid_infinity(reference, generated);
    infinite += found.value / kSets;
    error += found.standard_error / kSets;
    finite += fid(reference, FidReference(generated)) / kSets;
  }
  EXPECT_GT(finite - truth, 0.1);
  EXPECT_LT(std::abs(infinite - truth), 0.1 * (finite - truth));
  EXPECT_LT(std::abs(infinite - truth), 3 * error / std::sqrt(static_cast<double>(kSets)));
}

TEST(FidInfinity, IsWithinTwoErrorsOfTheTruthInNineteenOfTwentySets) {
  constexpr int64_t kSets = 60;
  int64_t within = 0;
  for (int64_t set = 0; set < kSets; ++set) {
    const FidInfinity found = fid_infinity(standard_normal(4), shifted(2000 + set, 800));
    within += static_cast<int64_t>(std::abs(found.value - 1.0) < 2 * found.standard_error);
  }
  EXPECT_GE(within, 51);  // 57 expected; three deviations of 1.9
}

TEST(FidInfinity, ReadsTheLineThroughAllAndHalfOfTheImagesAtNoneMissing) {
  const torch::Tensor generated = shifted(1, 805);
  const FidInfinity found = fid_infinity(standard_normal(4), generated);
  ASSERT_EQ(found.points.size(), 3U);
  const int64_t sizes[] = {805, 402, 201};
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(found.points[i].images, sizes[i]);
  EXPECT_NEAR(found.points[0].value, fid(standard_normal(4), FidReference(generated)), 1e-12);
  EXPECT_GT(found.points[2].value, found.points[0].value);  // the fewer, the higher
  const double slope = (found.points[1].value - found.points[0].value) / (1.0 / 402 - 1.0 / 805);
  EXPECT_NEAR(found.value, found.points[0].value - slope / 805, 1e-12);
}

TEST(FidInfinity, OfFewImagesPerFeatureOwnsUpToTheBendOfTheLine) {  // 5 of them: the worst allowed
  constexpr int64_t kSets = 12;
  const double truth = 60 * 0.04;
  int64_t within = 0;
  for (int64_t set = 0; set < kSets; ++set) {
    const torch::Tensor generated = hashed_normal(6000 + set, 300, 60) * 1.2;
    const FidInfinity found = fid_infinity(standard_normal(60), generated);
    EXPECT_GT(found.points[0].value - truth, 1.0);
    within += static_cast<int64_t>(std::abs(found.value - truth) < 2 * found.standard_error);
  }
  EXPECT_GE(within, 10);  // a simulation of 150 such sets: 99 in 100 are
}

TEST(FidInfinity, OfImagesThatAreAllAlikeIsTheirFid) {  // a line without slope, without error
  const FidInfinity found = fid_infinity(standard_normal(2), torch::full({64, 2}, 3.0));
  EXPECT_NEAR(found.value, 9 + 9 + 1 + 1, 1e-12);
  EXPECT_NEAR(found.standard_error, 0.0, 1e-12);
}

TEST(FidInfinity, OfAFileIsThatOfTheTensor) {
  const torch::Tensor generated = shifted(1, 300);
  EXPECT_EQ(fid_infinity(standard_normal(4), as_a_file(generated)).value,
            fid_infinity(standard_normal(4), generated).value);
}

TEST(FidInfinity, RefusesTooFewImagesToExtrapolateFrom) {
  EXPECT_THAT([] { fid_infinity(standard_normal(2), shifted(1, 15).slice(1, 0, 2)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("cannot be cut into 8 subsets")));
  EXPECT_THAT([] { fid_infinity(standard_normal(30), hashed_normal(1, 123, 30)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(
                  "123 generated images in 30 dimensions are too few to extrapolate from; use at "
                  "least 124")));
}

}  // namespace
}  // namespace oar
