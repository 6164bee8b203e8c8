#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(AlternateOrder, TurnsAroundAtTheEndOfEachRow) {
  EXPECT_EQ(steps_of("alternate", Grid{3, 4}), (Steps{{0, 1, 2, 3},  //
                                                      {7, 6, 5, 4},
                                                      {8, 9, 10, 11}}));
}

TEST(AlternateOrder, StepsToADirectNeighbourEveryTime) {
  for (const Grid& grid : all_grids(6, 6)) {
    for (const double jump : jumps_of("alternate", grid)) EXPECT_EQ(jump, 1.0);
  }
}

TEST(AlternateOrder, IsThatOfTamingTransformersOnEveryGrid) {
  EXPECT_EQ(digest_of("alternate", all_grids(24, 16)), 0x2814327499c2fc65u);
}

}  // namespace
}  // namespace oar
