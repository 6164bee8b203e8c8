#include "metrics/numpy_random.h"

#include <gmock/gmock.h>

#include <cstdint>
#include <vector>

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

struct NumpyPermutation {
  uint32_t seed;
  int64_t n;
  std::vector<int64_t> first;
  int64_t checksum;  // int((p * numpy.arange(n) % 1000003).sum())
};

// Around a power of two, where the mask of the rejection grows, and beyond 2^16 and 10^6 items.
TEST(RandomState, PermutesEveryItemAsNumpyDoes) {
  for (const NumpyPermutation& numpy : {
           NumpyPermutation{2020, 65536, {34673, 42532, 62567, 35770}, 32700199269},
           NumpyPermutation{2020, 65537, {54904, 26170, 36611, 40177}, 32719714994},
           NumpyPermutation{1, 50000, {26247, 35067, 34590, 16668}, 25011715110},
           NumpyPermutation{123456789, 10000, {319, 268, 3306, 4513}, 4953737285},
           NumpyPermutation{4294967295, 1000003, {30348, 100730, 684872, 146455}, 500218323874},
       }) {
    const std::vector<int64_t> items = RandomState(numpy.seed).permutation(numpy.n);
    EXPECT_EQ(std::vector<int64_t>(items.begin(), items.begin() + 4), numpy.first);
    int64_t checksum = 0;
    for (int64_t i = 0; i < numpy.n; ++i) {
      checksum += items[static_cast<size_t>(i)] * i % 1000003;
    }
    EXPECT_EQ(checksum, numpy.checksum) << numpy.n;
  }
}

TEST(RandomState, DrawsTheSubsetsOfKidAsNumpyDoes) {  // in turn, from 10000 and from 50000 images
  RandomState random(2020);
  const auto ends = [&](int64_t n) {
    const std::vector<int64_t> items = random.choice_without_replacement(n, 1000);
    return std::vector<int64_t>{items[0], items[1], items[999]};
  };
  EXPECT_THAT(ends(10000), ElementsAre(4436, 3829, 2241));
  EXPECT_THAT(ends(50000), ElementsAre(39141, 31675, 20034));
  EXPECT_THAT(ends(10000), ElementsAre(616, 565, 8541));
  EXPECT_THAT(ends(50000), ElementsAre(15818, 10357, 11618));
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
