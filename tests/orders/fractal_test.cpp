#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(FractalOrder, HalvesTheRasterSequenceAgainAndAgain) {
  // 0 .. 6: the middle, 3; of the two halves the later one first: 5, 1; then 4, 6 of the one and
  // 2, 0 of the other, as every second patch placed has its later half go first.
  EXPECT_EQ(steps_of("fractal", Grid{1, 7}), (Steps{{6, 2, 5, 0, 3, 1, 4}}));
}

TEST(FractalOrder, TakesTheGridAsOneSequence) {
  EXPECT_EQ(steps_of("fractal", Grid{3, 5}), (Steps{{14, 6, 13, 2, 11},  //
                                                    {5, 12, 0, 7, 3},
                                                    {8, 1, 10, 4, 9}}));
}

TEST(FractalOrder, IsThatOfSigmaGptAtEveryLength) {
  EXPECT_EQ(digest_of("fractal", all_grids(24, 16)), 0xb5529e04ddc543abu);
}

}  // namespace
}  // namespace oar
