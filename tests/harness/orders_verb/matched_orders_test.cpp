#include "harness/orders_verb/matched_orders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

NamedOrders orders(const char* name, const torch::Tensor& position_at, const torch::Tensor& image) {
  return {name, {Grid{1, 2}, image, position_at}};
}

const torch::Tensor kForward = torch::tensor({{0, 1}}), kBoth = torch::tensor({{0, 1}, {1, 0}});

TEST(MatchOrders, FollowsTheNumbersOfTheImages) {
  const MatchedOrders matched =
      match_orders(orders("a", torch::tensor({{0, 1}, {1, 0}, {0, 1}}), torch::tensor({4, 5, 6})),
                   orders("b", torch::tensor({{1, 0}, {0, 1}}), torch::tensor({5, 9})));
  EXPECT_TRUE(matched.a.equal(torch::tensor({{1, 0}})));  // image 5
  EXPECT_TRUE(matched.b.equal(torch::tensor({{1, 0}})));
  EXPECT_EQ(matched.only_in_a, 2);
  EXPECT_EQ(matched.only_in_b, 1);
}

TEST(MatchOrders, GoesRowByRowWithoutNumbers) {
  const MatchedOrders matched = match_orders(orders("a", kBoth, {}), orders("b", kBoth, {}));
  EXPECT_TRUE(matched.a.equal(matched.b));
  EXPECT_EQ(matched.only_in_a, 0);
}

TEST(MatchOrders, OneOrderWithoutANumberStandsForAll) {
  const NamedOrders one = orders("one", kForward, {});
  const NamedOrders two = orders("two", kBoth, torch::tensor({4, 5}));
  EXPECT_TRUE(match_orders(one, two).a.equal(torch::tensor({{0, 1}, {0, 1}})));
  EXPECT_TRUE(match_orders(two, one).b.equal(torch::tensor({{0, 1}, {0, 1}})));
}

TEST(MatchOrders, RefusesSetsThatCannotBeMatched) {
  const auto refusal = [](const NamedOrders& a, const NamedOrders& b, const char* words) {
    EXPECT_THAT([&] { match_orders(a, b); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(words)));
  };
  const NamedOrders numbered = orders("n.jsonl", kBoth, torch::tensor({4, 5}));
  refusal(numbered, {"p.jsonl", {Grid{2, 1}, torch::tensor({4, 5}), kBoth}},
          "n.jsonl has orders of a 1x2 grid and p.jsonl of 2x1");
  refusal(orders("p.jsonl", kBoth, {}), numbered,
          "n.jsonl says which images its orders are of, and p.jsonl does not");
  refusal(numbered, orders("p.jsonl", kBoth, torch::tensor({6, 7})),
          "n.jsonl and p.jsonl have no image in common");
  refusal(orders("p.jsonl", kBoth, {}),
          orders("q.jsonl", torch::tensor({{0, 1}, {0, 1}, {1, 0}}), {}),
          "p.jsonl has 2 orders and q.jsonl has 3");
}

}  // namespace
}  // namespace oar
