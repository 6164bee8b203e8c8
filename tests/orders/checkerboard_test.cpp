#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(CheckerboardOrder, FillsOneColourAndThenTheOther) {
  EXPECT_EQ(steps_of("checkerboard", Grid{3, 3}), (Steps{{0, 5, 1},  //
                                                         {6, 2, 7},
                                                         {3, 8, 4}}));
}

TEST(CheckerboardOrder, FindsAllDirectNeighboursFilledInItsSecondHalf) {
  const Steps steps = steps_of("checkerboard", Grid{5, 4});
  for (size_t row = 0; row < 5; ++row) {
    for (size_t col = 0; col < 4; ++col) {
      if (steps[row][col] < 10) continue;
      for (const int64_t step : neighbours_of(steps, row, col)) EXPECT_LT(step, 10);
    }
  }
}

}  // namespace
}  // namespace oar
