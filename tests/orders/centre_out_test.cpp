#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(CentreOutOrder, StartsInTheMiddleAndEndsInTheCorners) {
  EXPECT_EQ(steps_of("centre_out", Grid{3, 3}), (Steps{{5, 1, 6},  // equally far: in raster order
                                                       {2, 0, 3},
                                                       {7, 4, 8}}));
}

TEST(CentreOutOrder, MeasuresFromBetweenTheMiddlePatchesOfAnEvenSide) {
  EXPECT_EQ(steps_of("centre_out", Grid{2, 4}), (Steps{{4, 0, 1, 5},  //
                                                       {6, 2, 3, 7}}));
}

}  // namespace
}  // namespace oar
