#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(HaltonOrder, SpreadsEvenlyAtEveryStep) {
  // Points (1/2, 1/3), (1/4, 2/3), (3/4, 1/9), (1/8, 4/9), ... of rows and columns, four patches
  // wide.
  EXPECT_EQ(steps_of("halton", Grid{4, 4}), (Steps{{10, 3, 13, 7},  //
                                                   {5, 9, 1, 11},
                                                   {8, 0, 15, 4},
                                                   {2, 12, 6, 14}}));
}

TEST(HaltonOrder, ScalesEachAxisToItsOwnSide) {
  // Rows 1, 0, 1, 0, ...; columns 1/3, 2/3, 1/9, 4/9, 7/9, 2/9 of three: 1, 2, 0, 1, 2, 0.
  EXPECT_EQ(steps_of("halton", Grid{2, 3}), (Steps{{5, 3, 1},  //
                                                   {2, 0, 4}}));
}

TEST(HaltonOrder, IsThatOfHaltonMaskGitOnSquares) {
  std::vector<int64_t> sides;
  for (int64_t side = 2; side <= 32; ++side) sides.push_back(side);
  EXPECT_EQ(digest_of("halton", squares(sides)), 0x48293b492727157u);
}

}  // namespace
}  // namespace oar
