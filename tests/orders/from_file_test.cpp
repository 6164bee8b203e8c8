#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

OrderConfig given(torch::Tensor orders, torch::Tensor images = {}) {
  OrderConfig config = order_config("from_file", Grid{1, 3});
  config.given = std::move(orders);
  config.given_image = std::move(images);
  return config;
}

auto refused(const OrderConfig& config, const char* why) {
  EXPECT_THAT([&] { make_order(config); }, ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
}

TEST(FromFileOrder, OneOrderServesAllImages) {
  const auto policy = make_order(given(torch::tensor({{2, 0, 1}})));
  EXPECT_TRUE(
      policy->position_at(torch::tensor({0, 99})).equal(torch::tensor({{2, 0, 1}, {2, 0, 1}})));
}

TEST(FromFileOrder, OrderIIsThatOfImageI) {
  const auto policy = make_order(given(torch::tensor({{2, 0, 1}, {1, 2, 0}})));
  EXPECT_TRUE(policy->position_at(torch::tensor({1, 0, 1}))
                  .equal(torch::tensor({{1, 2, 0}, {2, 0, 1}, {1, 2, 0}})));
}

TEST(FromFileOrder, FindsTheOrderOfTheImageItIsGivenFor) {
  const auto policy =
      make_order(given(torch::tensor({{2, 0, 1}, {1, 2, 0}}), torch::tensor({70, 30})));
  EXPECT_TRUE(
      policy->position_at(torch::tensor({30, 70})).equal(torch::tensor({{1, 2, 0}, {2, 0, 1}})));
}

TEST(FromFileOrder, GoesByTheSourceImageWhereThereIsOne) {  // sample 500 is made after image 1
  const auto policy = make_order(given(torch::tensor({{2, 0, 1}, {1, 2, 0}})));
  const OrderRequest request{torch::tensor({500, 501}), torch::tensor({1, 0}), 1.0};
  EXPECT_TRUE(policy->position_at(request).equal(torch::tensor({{1, 2, 0}, {2, 0, 1}})));
}

TEST(FromFileOrder, NamesAnImageThatHasNoOrder) {
  const auto policy = make_order(given(torch::tensor({{2, 0, 1}, {1, 2, 0}})));
  EXPECT_THAT(
      [&] {
        policy->position_at(torch::tensor({1, 17}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("no order is given for image 17; orders of 2 images are")));
}

TEST(FromFileOrder, OneOrderOfOneImageIsNotForAll) {
  const auto policy = make_order(given(torch::tensor({{2, 0, 1}}), torch::tensor({4})));
  EXPECT_TRUE(policy->position_at(torch::tensor({4})).equal(torch::tensor({{2, 0, 1}})));
  EXPECT_THROW(policy->position_at(torch::tensor({0})), std::invalid_argument);
}

TEST(FromFileOrder, RefusesOrdersThatAreNotOfTheGrid) {
  refused(given({}), "needs orders, and none are given");
  refused(given(torch::tensor({{0, 1, 2, 3}})),
          "a 1x3 grid takes orders [images >= 1, 3], got [1, 4]");
  refused(given(torch::zeros({0, 3}, torch::kInt64)), "got [0, 3]");
  refused(given(torch::tensor({{0, 1, 2}, {0, 0, 2}})), "order 1 is not a permutation");
  refused(given(torch::tensor({{0.f, 1.f, 2.f}})), "int64");
}

TEST(FromFileOrder, RefusesImagesThatDoNotMatchItsOrders) {
  const torch::Tensor two = torch::tensor({{2, 0, 1}, {1, 2, 0}});
  refused(given(two, torch::tensor({7})), "2 orders take as many int64 image numbers, got [1]");
  refused(given(two, torch::tensor({7, 7})), "orders 0 and 1 are both of image 7");
}

}  // namespace
}  // namespace oar
