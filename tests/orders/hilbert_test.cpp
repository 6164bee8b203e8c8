#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(HilbertOrder, FollowsTheCurveOnA4x4Grid) {
  EXPECT_EQ(steps_of("hilbert", Grid{4, 4}), (Steps{{0, 1, 14, 15},  //
                                                    {3, 2, 13, 12},
                                                    {4, 7, 8, 11},
                                                    {5, 6, 9, 10}}));
}

TEST(HilbertOrder, FollowsItsGeneralisationOnARectangle) {
  EXPECT_EQ(steps_of("hilbert", Grid{4, 6}), (Steps{{0, 1, 2, 21, 22, 23},  //
                                                    {5, 4, 3, 20, 19, 18},
                                                    {6, 9, 10, 13, 14, 17},
                                                    {7, 8, 11, 12, 15, 16}}));
}

TEST(HilbertOrder, StepsToADirectNeighbourButForOneDiagonalStepWhereNoPathExists) {
  for (const Grid& grid : all_grids(24, 24)) {
    const int64_t longer = std::max(grid.rows, grid.cols), shorter = std::min(grid.rows, grid.cols);
    int64_t diagonal = 0;
    for (const double jump : jumps_of("hilbert", grid)) {
      if (jump != 1.0) ++diagonal;
      EXPECT_LE(jump, std::sqrt(2.0)) << grid.rows << "x" << grid.cols;
    }
    EXPECT_EQ(diagonal, longer % 2 == 1 && shorter % 2 == 0 && shorter > 2)
        << grid.rows << "x" << grid.cols;
  }
}

TEST(HilbertOrder, IsThatOfGilbert2dOnEveryGrid) {
  EXPECT_EQ(digest_of("hilbert", all_grids(24, 16)), 0xb5d70c21c3571861u);
}

}  // namespace
}  // namespace oar
