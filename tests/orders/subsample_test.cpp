#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(SubsampleOrder, GoesFromCoarseToFine) {
  EXPECT_EQ(steps_of("subsample", Grid{4, 4}), (Steps{{0, 4, 1, 5},  // 0 .. 3: every second patch
                                                      {8, 12, 9, 13},
                                                      {2, 6, 3, 7},
                                                      {10, 14, 11, 15}}));
}

TEST(SubsampleOrder, LeavesOutWhatLiesOutsideTheGrid) {
  EXPECT_EQ(steps_of("subsample", Grid{3, 5}), (Steps{{0, 6, 2, 7, 1},  //
                                                      {10, 13, 12, 14, 11},
                                                      {3, 8, 5, 9, 4}}));
}

TEST(SubsampleOrder, IsThatOfTamingTransformersOnItsSquares) {
  EXPECT_EQ(digest_of("subsample", squares({1, 2, 4, 8, 16, 32})), 0xd69a608f3c7d71b3u);
}

}  // namespace
}  // namespace oar
