#include "harness/store/store_listing.h"

#include <gtest/gtest.h>

#include "harness/store/byte_text.h"
#include "harness/store/file_lock.h"
#include "tests/harness/store/store_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

const std::string kKey = "0123456789abcdef0123456789abcdef";

TEST_F(StoreTest, AListingKnowsArtifactsAndLeftoversByTheirNames) {
  const fs::path stage = root_ / "store" / "any_order";
  fs::create_directories(stage / kKey);
  fs::create_directories(stage / (kKey + ".gc"));
  write(stage / (kKey + ".lock"), "");
  write(stage / (kKey + ".failed.json"), "{}");
  const StoreListing listing(root_ / "store");
  const StoreEntry entry = listing.at("any_order", kKey + "ffff");
  EXPECT_TRUE(entry.artifact && entry.removed && entry.lock && entry.failure);
  EXPECT_FALSE(entry.work || entry.damaged);
  EXPECT_FALSE(listing.at("tokens", kKey).artifact);
}

TEST_F(StoreTest, AListingLeavesOutWhatIsNobodys) {
  const fs::path stage = root_ / "store" / "any_order";
  fs::create_directories(stage / "notes");
  fs::create_directories(stage / (kKey + ".mine"));
  fs::create_directories(root_ / "store" / "Photos" / kKey);
  fs::create_directories(root_ / "elsewhere");
  fs::create_directory_symlink(root_ / "elsewhere", stage / kKey);
  write(stage / (kKey + ".work"), "a file, not a folder");
  EXPECT_TRUE(StoreListing(root_ / "store").stages().empty());
  EXPECT_TRUE(StoreListing(root_ / "nowhere").stages().empty());
}

TEST_F(StoreTest, ALockNamesItsHolderWhileItIsHeld) {
  const fs::path file = root_ / "a.lock";
  EXPECT_EQ(holder_of_lock(file), "");
  {
    const FileLock lock(file, [](const std::string&) {});
    EXPECT_EQ(holder_of_lock(file).substr(0, 8), "process ");
  }
  EXPECT_EQ(holder_of_lock(file), "");
}

TEST(ByteText, ShowsThreeDigits) {
  EXPECT_EQ(byte_text(0), "0 B");
  EXPECT_EQ(byte_text(1023), "1023 B");
  EXPECT_EQ(byte_text(1024), "1.00 KiB");
  EXPECT_EQ(byte_text(12.34 * 1024 * 1024), "12.3 MiB");
  EXPECT_EQ(byte_text(1023.9 * 1024 * 1024), "1.00 GiB");
  EXPECT_EQ(byte_text(5e9), "4.66 GiB");
}

}  // namespace
}  // namespace oar
