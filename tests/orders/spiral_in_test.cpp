#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(SpiralInOrder, GoesRoundFromTheBottomRightCornerToTheCentre) {
  EXPECT_EQ(steps_of("spiral_in", Grid{4, 4}), (Steps{{6, 5, 4, 3},  //
                                                      {7, 14, 13, 2},
                                                      {8, 15, 12, 1},
                                                      {9, 10, 11, 0}}));
}

TEST(SpiralInOrder, GoesRoundAnyRectangle) {
  EXPECT_EQ(steps_of("spiral_in", Grid{3, 5}), (Steps{{6, 5, 4, 3, 2},  //
                                                      {7, 14, 13, 12, 1},
                                                      {8, 9, 10, 11, 0}}));
}

TEST(SpiralInOrder, StepsToADirectNeighbourEveryTime) {
  for (const Grid& grid : all_grids(7, 7)) {
    for (const double jump : jumps_of("spiral_in", grid)) EXPECT_EQ(jump, 1.0);
  }
}

TEST(SpiralInOrder, IsThatOfTamingTransformersOnItsSquares) {
  EXPECT_EQ(
      digest_of("spiral_in", squares({2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32})),
      0xa5781e886949db5u);
}

}  // namespace
}  // namespace oar
