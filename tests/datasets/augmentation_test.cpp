#include "datasets/augmentation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace oar {
namespace {

constexpr int64_t kDraws = 4000;

TEST(Augmentation, AViewFollowsFromSeedAndSampleAlone) {
  const Augmentation augmentation{true, 0.5};
  for (int64_t sample = 0; sample < 50; ++sample) {
    const View first = draw_view(augmentation, 7, sample),
               again = draw_view(augmentation, 7, sample);
    EXPECT_EQ(first.side, again.side);
    EXPECT_EQ(first.top, again.top);
    EXPECT_EQ(first.left, again.left);
    EXPECT_EQ(first.mirrored, again.mirrored);
  }
  EXPECT_NE(draw_view(augmentation, 7, 0).side, draw_view(augmentation, 8, 0).side);
  EXPECT_NE(draw_view(augmentation, 7, 0).side, draw_view(augmentation, 7, 1).side);
}

TEST(Augmentation, NothingAskedForIsTheWholeSquare) {
  for (int64_t sample = 0; sample < 100; ++sample) {
    const View view = draw_view({}, 0, sample);
    EXPECT_EQ(view.side, 1.0);
    EXPECT_FALSE(view.mirrored);
  }
}

TEST(Augmentation, HalfOfTheSamplesAreMirroredAndSidesAreUniform) {
  int64_t mirrored = 0;
  double sides = 0, tops = 0;
  for (int64_t sample = 0; sample < kDraws; ++sample) {
    const View view = draw_view({true, 0.6}, 3, sample);
    EXPECT_GE(view.side, 0.6);
    EXPECT_LE(view.side, 1.0);
    mirrored += view.mirrored;
    sides += view.side;
    tops += view.top;
  }
  const double root = std::sqrt(kDraws);  // bounds: five standard deviations
  EXPECT_NEAR(mirrored, kDraws / 2.0, 5 * 0.5 * root);
  EXPECT_NEAR(sides / kDraws, 0.8, 5 * 0.4 / std::sqrt(12) / root);
  EXPECT_NEAR(tops / kDraws, 0.5, 5 / std::sqrt(12) / root);
}

TEST(Augmentation, OneOptionDoesNotChangeWhatIsDrawnForTheOther) {
  for (int64_t sample = 0; sample < 50; ++sample) {
    const View both = draw_view({true, 0.5}, 1, sample);
    EXPECT_EQ(draw_view({true, 1.0}, 1, sample).mirrored, both.mirrored);
    EXPECT_EQ(draw_view({false, 0.5}, 1, sample).side, both.side);
  }
}

}  // namespace
}  // namespace oar
