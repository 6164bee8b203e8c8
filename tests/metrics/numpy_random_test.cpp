#include "metrics/numpy_random.h"

#include <gmock/gmock.h>

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// The expected numbers are those of numpy 2.2.6: numpy.random.RandomState(seed).permutation(n),
// .choice(n, m, replace=False).

TEST(RandomState, PermutesAsNumpyDoes) {
  EXPECT_THAT(RandomState(2020).permutation(10), ElementsAre(2, 4, 9, 1, 5, 7, 6, 3, 8, 0));
  EXPECT_THAT(RandomState(0).permutation(12), ElementsAre(6, 11, 4, 10, 2, 8, 1, 7, 9, 3, 0, 5));
  EXPECT_THAT(RandomState(4294967295).permutation(5), ElementsAre(4, 1, 0, 2, 3));
}

TEST(RandomState, PermutesManyItemsAsNumpyDoes) {
  std::vector<int64_t> items = RandomState(2020).permutation(100000);
  items.resize(4);
  EXPECT_THAT(items, ElementsAre(36082, 31787, 33964, 26097));
}

TEST(RandomState, OneDrawContinuesWhereTheLastEnded) {
  RandomState random(2020);
  EXPECT_THAT(random.choice_without_replacement(9, 4), ElementsAre(2, 4, 7, 1));
  EXPECT_THAT(random.choice_without_replacement(6, 4), ElementsAre(3, 1, 2, 4));
}

TEST(RandomState, ChoosesAsNumpyDoes) {
  EXPECT_THAT(RandomState(7).choice_without_replacement(1000, 5),
              ElementsAre(778, 334, 271, 802, 216));
}

TEST(RandomState, PermutesNothingAndOneItem) {
  EXPECT_THAT(RandomState(1).permutation(0), ElementsAre());
  EXPECT_THAT(RandomState(1).permutation(1), ElementsAre(0));
}

TEST(RandomState, CannotChooseMoreThanThereIs) {
  EXPECT_THAT([] { RandomState(1).choice_without_replacement(3, 4); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("4 different items out of 3")));
}

}  // namespace
}  // namespace oar
