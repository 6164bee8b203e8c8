#include "datasets/split.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::HasSubstr;

std::vector<ImageRecord> make_records(int count) {
  std::vector<ImageRecord> records(count);
  for (int i = 0; i < count; ++i) records[i].file = fmt::format("images/{}.jpg", 1000 + i);
  return records;
}

std::set<std::string> held_out(std::vector<ImageRecord> records, double share, int64_t seed = 0) {
  assign_splits(records, share, seed);
  std::set<std::string> files;
  for (const ImageRecord& record : records) {
    if (record.split == Split::kHeldOut) files.insert(record.file);
  }
  return files;
}

TEST(Split, HoldsOutExactlyTheRoundedShare) {
  EXPECT_EQ(held_out(make_records(100), 0.1).size(), 10u);
  EXPECT_EQ(held_out(make_records(104), 0.1).size(), 10u);  // 10.4
  EXPECT_EQ(held_out(make_records(106), 0.1).size(), 11u);  // 10.6
  EXPECT_EQ(held_out(make_records(100), 0.0).size(), 0u);
  EXPECT_EQ(held_out(make_records(3), 0.1).size(), 0u);  // 0.3
}

TEST(Split, IsFixedForever) {  // the two lowest of sha256("split/0/images/1000.jpg") ...
  EXPECT_EQ(held_out(make_records(20), 0.1),
            (std::set<std::string>{"images/1009.jpg", "images/1013.jpg"}));
}

TEST(Split, DoesNotDependOnTheOrderOfTheListing) {
  std::vector<ImageRecord> reversed = make_records(100);
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(held_out(reversed, 0.2), held_out(make_records(100), 0.2));
}

TEST(Split, AddingAnImageMovesAtMostOneOtherAcrossTheLine) {
  for (int count = 90; count < 110; ++count) {
    const auto before = held_out(make_records(count), 0.2);
    const auto after = held_out(make_records(count + 1), 0.2);
    const std::string added = fmt::format("images/{}.jpg", 1000 + count);
    int moved = 0;
    for (const ImageRecord& record : make_records(count)) {
      if (before.contains(record.file) != after.contains(record.file)) ++moved;
    }
    EXPECT_LE(moved, 1) << "adding " << added;
  }
}

TEST(Split, ASmallerShareIsPartOfALargerOne) {
  const auto small = held_out(make_records(100), 0.1), large = held_out(make_records(100), 0.3);
  EXPECT_TRUE(std::includes(large.begin(), large.end(), small.begin(), small.end()));
}

TEST(Split, AnotherSeedHoldsOutOthers) {
  EXPECT_NE(held_out(make_records(100), 0.2, 0), held_out(make_records(100), 0.2, 1));
}

TEST(Split, MustLeaveAnImageToTrainOn) {
  EXPECT_THAT(message_of<BadData>([] { held_out(make_records(1), 0.9); }),
              HasSubstr("held_out 0.9 of 1 images leaves none to train on; lower held_out"));
}

}  // namespace
}  // namespace oar
