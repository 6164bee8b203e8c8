#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(RasterOrder, ReadsRowByRow) {
  EXPECT_EQ(steps_of("raster", Grid{2, 3}), (Steps{{0, 1, 2},     // the number in a cell is
                                                   {3, 4, 5}}));  // the step that fills it
}

}  // namespace
}  // namespace oar
