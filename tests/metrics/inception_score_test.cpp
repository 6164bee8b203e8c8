#include "metrics/inception_score.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/metrics/hashed_data.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Image i is surely of class i mod `classes`.
torch::Tensor confident(int64_t images, int64_t classes, double logit) {
  return at::one_hot(torch::arange(images).remainder(classes), classes).to(torch::kFloat64) * logit;
}

double entropy(double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); }

TEST(InceptionScore, OfAClassifierThatSeesNoDifferenceIsOne) {
  const InceptionScore score = inception_score(torch::zeros({50, 7}));
  EXPECT_NEAR(score.mean, 1.0, 1e-14);
  EXPECT_NEAR(score.stddev, 0.0, 1e-14);
}

TEST(InceptionScore, OfSureAndBalancedClassesIsTheirNumber) {
  EXPECT_NEAR(inception_score(confident(20, 5, 50), 1).mean, 5.0,
              1e-12);  // exp(-50) is left of doubt
}

TEST(InceptionScore, OfLogitsBeyondTheRangeOfExpIsStillANumber) {  // p = 0 for four classes of five
  EXPECT_NEAR(inception_score(confident(20, 5, 1e5), 1).mean, 5.0, 1e-12);
}

TEST(InceptionScore, OfTwoImagesByHand) {  // p = (.9, .1), (.1, .9); q = (.5, .5)
  const double log9 = std::log(9.0);
  const torch::Tensor logits = torch::tensor({{log9, 0.0}, {0.0, log9}}, torch::kFloat64);
  const double kl = 0.9 * std::log(0.9 / 0.5) + 0.1 * std::log(0.1 / 0.5);
  EXPECT_NEAR(inception_score(logits, 1).mean, std::exp(kl), 1e-14);
}

TEST(InceptionScore, OfSplitsOfOneImageIsOne) {  // alone, an image is its own average
  EXPECT_NEAR(inception_score(hashed_uniform(1, 60).view({10, 6}), 10).mean, 1.0, 1e-14);
}

TEST(InceptionScore, IgnoresAConstantAddedToAnImagesLogits) {
  const torch::Tensor logits = hashed_uniform(1, 600).view({100, 6}) * 4;
  const torch::Tensor shifted = logits + torch::arange(100).view({100, 1});
  EXPECT_NEAR(inception_score(shifted).mean, inception_score(logits).mean, 1e-12);
}

TEST(InceptionScore,
     CutsUnequalSplitsByFloor) {  // 7 images in 2 parts: 3 and 4, in the shuffled order
  const torch::Tensor logits = confident(7, 2, 50);
  // RandomState(2020).permutation(7) is 5 4 1 2 3 6 0: classes 1 0 1 | 0 1 0 0.
  const double first = std::exp(entropy(1.0 / 3)), second = std::exp(entropy(1.0 / 4));
  const InceptionScore score = inception_score(logits, 2);
  EXPECT_NEAR(score.mean, (first + second) / 2, 1e-12);
  EXPECT_NEAR(score.stddev, (first - second) / 2, 1e-12);  // the population's, of two values
}

TEST(InceptionScoreInOrder, CutsPartsOfAGivenSizeAndCountsTheRestAsOne) {
  const torch::Tensor logits = confident(7, 2, 50);  // classes 0 1 0 1, then 0 1 0
  const double first = 2, rest = std::exp(entropy(1.0 / 3));
  const InceptionScore score = inception_score_in_order(logits, 4);
  EXPECT_NEAR(score.mean, (first + rest) / 2, 1e-12);
  EXPECT_NEAR(score.stddev, (first - rest) / 2, 1e-12);
}

TEST(InceptionScoreInOrder, OfImagesSortedByClassIsOne) {  // each part is of one class
  const torch::Tensor sorted =
      confident(6, 2, 50).index_select(0, torch::tensor({0, 2, 4, 1, 3, 5}));
  EXPECT_NEAR(inception_score_in_order(sorted, 3).mean, 1.0, 1e-12);
  EXPECT_NEAR(inception_score_in_order(sorted).mean, 2.0, 1e-12);  // 5000 in a part: all of them
}

TEST(InceptionScoreInOrder, RefusesNoImagesAndPartsOfNothing) {
  EXPECT_THAT(
      [] {
        inception_score_in_order(torch::zeros({0, 3}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("needs at least 1 images, got 0")));
  EXPECT_THAT(
      [] {
        inception_score_in_order(torch::zeros({9, 3}), 0);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("split_size must be >= 1, got 0")));
}

TEST(InceptionScore, RefusesFewerImagesThanSplits) {
  EXPECT_THAT(
      [] {
        inception_score(torch::zeros({9, 3}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("9 images do not fill isc_splits = 10 parts; sample more images or set "
                    "isc_splits to at most 9")));
  EXPECT_THAT(
      [] {
        inception_score(torch::zeros({0, 3}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("needs at least 1 images, got 0")));
  EXPECT_THAT(
      [] {
        inception_score(torch::zeros({9, 3}), 0);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("isc_splits must be >= 1, got 0")));
}

TEST(InceptionScore, RefusesLogitsThatAreNotNumbers) {
  torch::Tensor logits = torch::zeros({20, 3});
  logits[4][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT([&] { inception_score(logits); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("IS, generated images: 1 of 20 rows hold NaN")));
}

}  // namespace
}  // namespace oar
