#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

OrderConfig drawn_of(torch::Tensor orders, uint64_t seed = 0) {
  OrderConfig config = order_config("drawn_from_file", Grid{1, 3}, seed);
  config.given = std::move(orders);
  return config;
}

const torch::Tensor kThree = torch::tensor({{2, 0, 1}, {1, 2, 0}, {0, 1, 2}});

TEST(DrawnFromFileOrder, EachOrderComesEquallyOften) {
  const torch::Tensor orders = make_order(drawn_of(kThree))->position_at(at::arange(3000));
  const torch::Tensor first = at::bincount(orders.select(1, 0), {}, 3);
  // 1000 expected of 3000 draws; five standard deviations are 130.
  for (int64_t patch = 0; patch < 3; ++patch) {
    EXPECT_NEAR(first[patch].item<double>(), 1000, 130);
  }
}

TEST(DrawnFromFileOrder, AnImageHasItsOrderInAnyBatchAndAnotherUnderAnotherSeed) {
  const auto policy = make_order(drawn_of(kThree));
  const torch::Tensor all = policy->position_at(at::arange(50));
  EXPECT_TRUE(policy->position_at(torch::tensor({17, 4}))
                  .equal(all.index_select(0, torch::tensor({17, 4}))));
  EXPECT_FALSE(make_order(drawn_of(kThree, 1))->position_at(at::arange(50)).equal(all));
}

TEST(DrawnFromFileOrder, DoesNotAskWhoseOrdersTheyAre) {
  OrderConfig config = drawn_of(kThree);
  config.given_image = torch::tensor({70, 80, 90});
  EXPECT_TRUE(make_order(config)
                  ->position_at(at::arange(20))
                  .equal(make_order(drawn_of(kThree))->position_at(at::arange(20))));
}

TEST(DrawnFromFileOrder, NeedsOrdersOfItsGrid) {
  EXPECT_THAT([&] { make_order(drawn_of({})); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("order \"drawn_from_file\" needs orders, and none are given")));
  EXPECT_THAT(
      [&] {
        make_order(drawn_of(torch::tensor({{1, 0}})));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("a 1x3 grid takes orders")));
}

TEST(FindOrder, KnowsWhichOrdersReadAFile) {
  for (const OrderInfo& order : list_orders()) {
    EXPECT_EQ(order.reads_file, order.name == "from_file" || order.name == "drawn_from_file")
        << order.name;
  }
}

}  // namespace
}  // namespace oar
