#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(ZCurveOrder, GoesThroughQuartersOfQuarters) {
  EXPECT_EQ(steps_of("z_curve", Grid{4, 4}), (Steps{{0, 1, 4, 5},  //
                                                    {2, 3, 6, 7},
                                                    {8, 9, 12, 13},
                                                    {10, 11, 14, 15}}));
}

TEST(ZCurveOrder, LeavesOutWhatLiesOutsideTheGrid) {
  EXPECT_EQ(steps_of("z_curve", Grid{3, 5}), (Steps{{0, 1, 4, 5, 12},  // 4x8 without its last row
                                                    {2, 3, 6, 7, 13},  // and last three columns
                                                    {8, 9, 10, 11, 14}}));
}

TEST(ZCurveOrder, IsThatOfTamingTransformersOnEveryGrid) {
  EXPECT_EQ(digest_of("z_curve", all_grids(24, 16)), 0x90b3bd7c853e95u);
}

}  // namespace
}  // namespace oar
