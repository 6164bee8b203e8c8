#include "orders/grid.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

TEST(DistanceTable, MeasuresBetweenPatchCentres) {
  const Grid grid{4, 5};  // from (0, 0) to (3, 4): position 19
  EXPECT_DOUBLE_EQ(distance_table(grid, Distance::kEuclidean)[0][19].item<double>(), 5.0);
  EXPECT_DOUBLE_EQ(distance_table(grid, Distance::kManhattan)[0][19].item<double>(), 7.0);
  EXPECT_DOUBLE_EQ(distance_table(grid, Distance::kChebyshev)[0][19].item<double>(), 4.0);
  EXPECT_THROW(distance_from_name("euclid"), std::invalid_argument);
}

}  // namespace
}  // namespace oar
