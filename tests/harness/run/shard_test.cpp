#include "harness/run/shard.h"

#include <gmock/gmock.h>

#include <set>
#include <stdexcept>

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Shard, TakesEveryNthCell) {
  EXPECT_THAT(shard_from_text("--shard", "1/3").cells(7), ElementsAre(0, 3, 6));
  EXPECT_THAT(shard_from_text("--shard", "3/3").cells(7), ElementsAre(2, 5));
  EXPECT_THAT(shard_from_text("--shard", "3/3").cells(2), ElementsAre());
}

TEST(Shard, AllOfThemTakeEachCellOnce) {
  for (size_t n = 1; n < 6; ++n) {
    std::multiset<size_t> taken;
    for (size_t i = 1; i <= n; ++i) {
      for (const size_t cell : Shard{i, n}.cells(11)) taken.insert(cell);
    }
    EXPECT_EQ(taken.size(), 11u);
    EXPECT_EQ(std::set<size_t>(taken.begin(), taken.end()).size(), 11u);
  }
}

TEST(Shard, AnEmptyTextIsTheWholeSweep) {
  EXPECT_TRUE(shard_from_text("--shard", "").whole());
  EXPECT_FALSE(shard_from_text("--shard", "1/2").whole());
}

TEST(Shard, RefusesWhatIsNoPart) {
  for (const char* text : {"0/2", "3/2", "1", "1/", "/2", "1/2/3", "-1/2", "a/b", "1/0", " 1/2"}) {
    try {
      shard_from_text("--shard", text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr("accepted: i/n"));
    }
  }
}

}  // namespace
}  // namespace oar
