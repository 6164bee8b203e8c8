#include "harness/stages/known_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "orders/order_statistics.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor row(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64).unsqueeze(0);
}

/// Every order of n patches: int64 [n!, n].
torch::Tensor all_orders(int64_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::vector<torch::Tensor> orders;
  do orders.push_back(row(order));
  while (std::next_permutation(order.begin(), order.end()));
  return torch::cat(orders);
}

TEST(PathAdjacentShare, IsOneAlongThePathBothWaysAndFromItsMiddle) {
  const torch::Tensor path = row({3, 1, 0, 2})[0];
  EXPECT_EQ(path_adjacent_share(row({3, 1, 0, 2}), path)[0].item<double>(), 1.0);
  EXPECT_EQ(path_adjacent_share(row({2, 0, 1, 3}), path)[0].item<double>(), 1.0);
  EXPECT_EQ(path_adjacent_share(row({0, 1, 2, 3}), path)[0].item<double>(), 1.0);
}

TEST(PathAdjacentShare, CountsStepsThatTouchAPlacedPatchOfThePath) {
  const torch::Tensor path = row({0, 1, 2, 3, 4})[0];
  // 0, then 2 and 4 touch nothing, then 1 and 3 touch two each.
  EXPECT_DOUBLE_EQ(path_adjacent_share(row({0, 2, 4, 1, 3}), path)[0].item<double>(), 0.5);
  // 4 touches nothing, 3 touches 4, 1 touches 0, 2 the rest.
  EXPECT_DOUBLE_EQ(path_adjacent_share(row({0, 4, 3, 1, 2}), path)[0].item<double>(), 0.75);
}

TEST(PathAdjacentShare, OfRandomOrdersIsTheMeanOverAllOrders) {
  for (const int64_t n : {2, 3, 4, 7}) {
    const torch::Tensor path = all_orders(n)[n / 2];
    EXPECT_NEAR(path_adjacent_share(all_orders(n), path).mean().item<double>(),
                random_path_adjacent_share(n), 1e-12)
        << n;
  }
  EXPECT_DOUBLE_EQ(random_path_adjacent_share(16), 31.0 / 45.0);
  EXPECT_TRUE(std::isnan(random_path_adjacent_share(1)));
  EXPECT_TRUE(std::isnan(path_adjacent_share(row({0}), row({0})[0])[0].item<double>()));
}

TEST(PathAdjacentShare, RefusesAPathThatIsNone) {
  EXPECT_THROW(path_adjacent_share(row({0, 1, 2}), row({0, 1, 1})[0]), std::invalid_argument);
  EXPECT_THROW(path_adjacent_share(row({0, 1, 1}), row({0, 1, 2})[0]), std::invalid_argument);
  EXPECT_THAT(
      [] {
        path_adjacent_share(row({0, 1, 2}), row({0, 1})[0]);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("the path has 2 patches")));
}

TEST(PatchParts, IsWhatMostPixelsShowAndTheLowestOfEquals) {
  const torch::Tensor mask = torch::tensor({0, 0, 1, 2,   //
                                            0, 1, 2, 2,   //
                                            1, 1, 0, 2,   //
                                            2, 2, 1, 0},  //
                                           torch::kUInt8)
                                 .view({1, 4, 4});
  EXPECT_TRUE(patch_parts(mask, {2, 2}, 3).equal(row({0, 2, 1, 0})));
  EXPECT_TRUE(patch_parts(mask, {2, 1}, 3).equal(row({0, 1})));  // 3:2:3, then 2:3:3
  EXPECT_THAT(
      [&] {
        patch_parts(mask, {3, 2}, 3);
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("a mask of 4x4 pixels has no whole patches on a grid of 3x2")));
}

TEST(Precedence, ComparesMeanStepsAndFirstStepsOfTheImagesThatShowBoth) {
  const torch::Tensor steps = torch::tensor({0, 1, 2, 3, 4,   // one: 0, 4; other: 1, 2: later on
                                                              // average, though it starts
                                             4, 1, 3, 0, 2,   // one: 4, 2; other: 1, 3
                                             0, 3, 2, 1, 4,   // one: 0, 4; other: 3, 2
                                             0, 1, 2, 3, 4},  // no other
                                            torch::kInt64)
                                  .view({4, 5});
  torch::Tensor one = torch::zeros({4, 5}, torch::kBool), other = one.clone();
  one.select(1, 0).fill_(true);
  one.select(1, 4).fill_(true);
  other.slice(0, 0, 3).slice(1, 1, 3).fill_(true);
  const Precedence found = precedence_of(steps, one, other);
  EXPECT_EQ(found.images, 3);
  EXPECT_DOUBLE_EQ(found.mean_share, 1.0 / 3);  // 2 > 1.5, 3 > 2, 2 < 2.5
  EXPECT_DOUBLE_EQ(found.first_share, 2.0 / 3);
  EXPECT_DOUBLE_EQ(found.random_first_share, 0.5);
}

TEST(Precedence, OfRandomOrdersIsTheMeanOverAllOrders) {
  const torch::Tensor steps = step_of(all_orders(5));
  const torch::Tensor one = row({1, 0, 0, 0, 1}).to(torch::kBool).expand_as(steps),
                      other = row({0, 1, 1, 1, 0}).to(torch::kBool).expand_as(steps);
  const Precedence found = precedence_of(steps, one, other);
  EXPECT_NEAR(found.mean_share, 0.5, 1e-12);
  EXPECT_NEAR(found.first_share, found.random_first_share, 1e-12);
  EXPECT_DOUBLE_EQ(found.random_first_share, 2.0 / 5);
}

TEST(Precedence, OfNoImageIsNoNumber) {
  const torch::Tensor none = torch::zeros({1, 3}, torch::kBool);
  const Precedence found = precedence_of(row({0, 1, 2}), none.logical_not(), none);
  EXPECT_EQ(found.images, 0);
  EXPECT_TRUE(std::isnan(found.mean_share));
  EXPECT_TRUE(std::isnan(found.first_share));
}

}  // namespace
}  // namespace oar
