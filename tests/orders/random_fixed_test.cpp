#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

TEST(RandomFixedOrder, IsOneOrderForEveryImageSeedAndStream) {
  OrderConfig config = order_config("random_fixed", Grid{4, 4});
  const Steps steps = steps_of(config);
  EXPECT_EQ(steps_of(config, 17), steps);
  config.seed = 5;
  config.stream = Stream::kTrainingOrder;
  config.distance_penalty = 1;
  EXPECT_EQ(steps_of(config), steps);
}

TEST(RandomFixedOrder, ChangesWithOrderSeedAlone) {
  OrderConfig config = order_config("random_fixed", Grid{2, 3});  // computed by hand-written Python
  EXPECT_EQ(steps_of(config), (Steps{{2, 3, 1}, {4, 5, 0}}));
  config.order_seed = 1;
  EXPECT_EQ(steps_of(config), (Steps{{3, 4, 5}, {0, 2, 1}}));
}

}  // namespace
}  // namespace oar
