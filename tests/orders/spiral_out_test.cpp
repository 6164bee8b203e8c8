#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(SpiralOutOrder, GoesRoundFromTheCentreToTheBottomRightCorner) {
  EXPECT_EQ(steps_of("spiral_out", Grid{4, 4}), (Steps{{9, 10, 11, 12},  //
                                                       {8, 1, 2, 13},
                                                       {7, 0, 3, 14},
                                                       {6, 5, 4, 15}}));
}

TEST(SpiralOutOrder, StepsToADirectNeighbourEveryTime) {
  for (const Grid& grid : all_grids(7, 7)) {
    for (const double jump : jumps_of("spiral_out", grid)) EXPECT_EQ(jump, 1.0);
  }
}

TEST(SpiralOutOrder, IsThatOfTamingTransformersOnItsSquares) {
  EXPECT_EQ(digest_of("spiral_out",
                      squares({2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32})),
            0x6373dc9615e5df15u);
}

}  // namespace
}  // namespace oar
