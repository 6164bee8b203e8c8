#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(ColumnOrder, GoesDownOneColumnAfterTheOther) {
  EXPECT_EQ(steps_of("column", Grid{3, 4}), (Steps{{0, 3, 6, 9},  //
                                                   {1, 4, 7, 10},
                                                   {2, 5, 8, 11}}));
}

}  // namespace
}  // namespace oar
