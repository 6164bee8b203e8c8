#include "harness/doctor/check_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <stdexcept>

namespace oar {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;
using ::testing::HasSubstr;

class CheckStoreTest : public testing::Test {
 protected:
  CheckStoreTest() {
    std::string name = (fs::temp_directory_path() / "oar-doctor-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    root_ = name;
  }
  ~CheckStoreTest() override { fs::remove_all(root_); }

  Finding about(const std::string& what, const fs::path& store) {
    for (const Finding& finding : check_store(store)) {
      if (finding.what == what) return finding;
    }
    ADD_FAILURE() << "nothing is said about " << what;
    return {};
  }

  fs::path root_;
};

TEST_F(CheckStoreTest, CountsArtifactsAndBytesAndTriesWritesAndLocks) {
  const fs::path key = root_ / "store" / "tokens" / "0123456789abcdef0123456789abcdef";
  fs::create_directories(key);
  std::ofstream(key / "tokens.bin") << std::string(3 * 1024 * 1024, 'x');
  const fs::path store = root_ / "store";
  EXPECT_THAT(about("store", store).found, HasSubstr("1 artifacts, 3.00 MiB"));
  for (const char* what : {"store is writable", "store locks"}) {
    EXPECT_EQ(about(what, store).level, Level::kOk) << about(what, store).found;
  }
  EXPECT_THAT(about("space", store).found, HasSubstr("free"));
  EXPECT_EQ(std::distance(fs::directory_iterator(store), {}), 1);  // nothing was left behind
}

TEST_F(CheckStoreTest, OneThatIsNotThereIsJudgedByItsPlace) {
  const fs::path store = root_ / "a" / "b" / "store";
  EXPECT_THAT(about("store", store).found, HasSubstr("not there yet"));
  EXPECT_EQ(about("store is writable", store).level, Level::kOk);
  EXPECT_FALSE(fs::exists(root_ / "a"));
}

TEST_F(CheckStoreTest, OneThatCannotBeWrittenToIsAProblem) {
  const Finding finding = about("store is writable", "/proc/self");  // for root too
  EXPECT_EQ(finding.level, Level::kProblem);
  EXPECT_THAT(finding.found, HasSubstr("/proc/self"));
  EXPECT_THAT(finding.advice, HasSubstr("--store"));
}

TEST_F(CheckStoreTest, AFileInItsPlaceIsAProblem) {
  std::ofstream(root_ / "store") << "not a folder";
  EXPECT_EQ(about("store", root_ / "store").level, Level::kProblem);
}

}  // namespace
}  // namespace oar
