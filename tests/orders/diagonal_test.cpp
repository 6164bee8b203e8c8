#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(DiagonalOrder, WalksAntiDiagonalsDownwards) {
  EXPECT_EQ(steps_of("diagonal", Grid{3, 4}), (Steps{{0, 1, 3, 6},  //
                                                     {2, 4, 7, 9},
                                                     {5, 8, 10, 11}}));
}

TEST(DiagonalOrder, FindsThePatchesAboveAndToTheLeftFilled) {
  const Steps steps = steps_of("diagonal", Grid{5, 3});
  for (size_t row = 1; row < 5; ++row) {
    for (size_t col = 1; col < 3; ++col) {
      EXPECT_LT(steps[row - 1][col], steps[row][col]);
      EXPECT_LT(steps[row][col - 1], steps[row][col]);
    }
  }
}

}  // namespace
}  // namespace oar
