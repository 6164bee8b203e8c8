// What gc removes, and what it never touches.
#include "harness/upkeep/gc.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

#include "harness/store/file_lock.h"
#include "harness/store/live_keys.h"
#include "tests/harness/store/store_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr double kDay = 86400;

class GcTest : public StoreTest {
 protected:
  static StageNode node(int number) { return make_node("any_order", 1, {{"number", number}}); }

  /// An artifact of 1000 bytes and a manifest, last used so many days ago.
  void make(const StageNode& node, double days_ago = 0) {
    const Store store = this->store();
    store.open_work(node);
    write(store.work(node) / "model.bin", std::string(1000, 'x'));
    set_age(store.finish(node, {{}, {}, {}}) / "manifest.json", days_ago);
  }
  static void set_age(const fs::path& path, double days_ago) {
    timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= static_cast<time_t>(days_ago * kDay);
    times[1] = times[0];
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  GcOptions older_than(double days) const {
    GcOptions options;
    options.store = root_ / "store";
    options.older_than = days * kDay;
    return options;
  }
  bool there(const StageNode& node) const { return store().complete(node); }
  static std::vector<std::string> reasons(const GcReport& report) {
    std::vector<std::string> reasons;
    for (const GcSpared& spared : report.spared) reasons.push_back(spared.reason);
    return reasons;
  }
};

TEST_F(GcTest, RemovesWhatWasNotUsedForSoLong) {
  make(node(1), 40);
  make(node(2), 20);
  const GcReport report = collect_garbage(older_than(30));
  EXPECT_FALSE(there(node(1)));
  EXPECT_TRUE(there(node(2)));
  ASSERT_EQ(report.removed.size(), 1u);
  EXPECT_EQ(report.removed[0].path, store().folder(node(1)));
  EXPECT_EQ(report.removed[0].reason, "not used for 40d00h");
  EXPECT_EQ(report.bytes_after, report.bytes_before - report.removed[0].bytes);
}

TEST_F(GcTest, RemovesTheLeastRecentlyUsedUntilTheStoreIsSmallEnough) {
  for (int i = 1; i <= 4; ++i) make(node(i), i);  // the fourth was not used for longest
  GcOptions options;
  options.store = root_ / "store";
  GcOptions nothing = older_than(1000);
  nothing.dry_run = true;
  const int64_t each = collect_garbage(nothing).bytes_before / 4;
  EXPECT_GT(each, 1000);  // the manifest counts too
  options.max_size = 2 * each + each / 2;
  EXPECT_LE(collect_garbage(options).bytes_after, *options.max_size);
  EXPECT_TRUE(there(node(1)) && there(node(2)));
  EXPECT_FALSE(there(node(3)) || there(node(4)));
}

TEST_F(GcTest, RemovesWhatASweepMadeButForWhatAnotherNeeds) {
  for (int i = 1; i <= 3; ++i) make(node(i));
  GcOptions options;
  options.store = root_ / "store";
  options.made_by = {node(1).key, node(2).key};
  options.keep = {node(2).key};
  const GcReport report = collect_garbage(options);
  EXPECT_FALSE(there(node(1)));
  EXPECT_TRUE(there(node(2)) && there(node(3)));
  EXPECT_EQ(reasons(report), (std::vector<std::string>{"it is of a sweep to keep"}));
}

TEST_F(GcTest, RemovesNothingInADryRun) {
  make(node(1), 40);
  GcOptions options = older_than(30);
  options.dry_run = true;
  const GcReport report = collect_garbage(options);
  EXPECT_EQ(report.removed.size(), 1u);
  EXPECT_TRUE(there(node(1)));
  EXPECT_FALSE(fs::exists(root_ / "store" / "live.lock"));
}

TEST_F(GcTest, NeverRobsAProcessThatIsAliveNorTheInputsOfWhatItNeeds) {
  const StageNode input = node(1), other = node(2);
  const StageNode user = make_node("samples", 1, nlohmann::json::object(), {{"model", input}});
  for (const StageNode& each : {input, other, user}) make(each, 40);
  const auto live = hold_keys(root_ / "store", "a sweep", {user.key}, [](const std::string&) {});
  const GcReport report = collect_garbage(older_than(30));
  EXPECT_TRUE(there(user) && there(input));
  EXPECT_FALSE(there(other));
  EXPECT_THAT(reasons(report),
              ::testing::UnorderedElementsAre("a running process needs it",
                                              "a running process needs what was made from it"));
}

TEST_F(GcTest, AProcessThatDiedNeedsNothingMore) {
  make(node(1), 40);
  in_child([&] {
    hold_keys(root_ / "store", "a sweep", {node(1).key}, [](const std::string&) {}).release();
    return 0;  // _exit: the file stays, the lock does not
  });
  EXPECT_FALSE(fs::is_empty(root_ / "store" / "live"));
  collect_garbage(older_than(30));
  EXPECT_FALSE(there(node(1)));
  EXPECT_TRUE(fs::is_empty(root_ / "store" / "live"));
}

TEST_F(GcTest, RemovesNothingWhileALivingProcessDoesNotSayWhatItNeeds) {
  make(node(1), 40);
  const LiveFile live(root_ / "store" / "live");  // says null
  EXPECT_THAT([&] { collect_garbage(older_than(30)); },
              ThrowsMessage<std::runtime_error>(HasSubstr("nothing is removed")));
  EXPECT_TRUE(there(node(1)));
}

TEST_F(GcTest, LeavesAKeyThatSomebodyWorksOn) {
  make(node(1), 40);
  const Store opened = store();
  {
    const FileLock lock(opened.lock_file(node(1)), [](const std::string&) {});
    const GcReport report = collect_garbage(older_than(30));
    EXPECT_TRUE(there(node(1)));
    ASSERT_EQ(report.spared.size(), 1u);
    EXPECT_THAT(report.spared[0].reason, HasSubstr(fmt::format("process {} on ", getpid())));
  }
  collect_garbage(older_than(30));
  EXPECT_FALSE(there(node(1)));
}

TEST_F(GcTest, RemovesWhatKilledProcessesLeft) {
  const Store opened = store();
  const fs::path place = opened.folder(node(1));
  for (const char* ending : {".gc", ".damaged"}) {  // a gc was killed; an artifact was broken
    fs::create_directories(fs::path(place) += ending);
    write((fs::path(place) += ending) / "model.bin", "half");
  }
  opened.open_work(node(2));  // an attempt of long ago, and one of today
  opened.open_work(node(3));
  write(opened.scratch(node(2)) / "checkpoint", "old");
  for (const auto& path :
       {opened.scratch(node(2)) / "checkpoint", opened.scratch(node(2)), opened.work(node(2))}) {
    set_age(path, 40);
  }
  collect_garbage(older_than(30));
  EXPECT_FALSE(fs::exists(fs::path(place) += ".gc"));
  EXPECT_FALSE(fs::exists(fs::path(place) += ".damaged"));
  EXPECT_FALSE(fs::exists(opened.work(node(2))));
  EXPECT_TRUE(fs::exists(opened.work(node(3))));
}

TEST_F(GcTest, TouchesNothingThatIsNotOfTheStore) {
  make(node(1), 40);
  const fs::path stage = root_ / "store" / "any_order";
  write(stage / "README", "mine");
  fs::create_directories(root_ / "elsewhere");
  write(root_ / "elsewhere" / "photo.png", "mine");
  fs::create_directory_symlink(root_ / "elsewhere", stage / std::string(32, 'a'));
  collect_garbage(older_than(0));
  EXPECT_FALSE(there(node(1)));
  EXPECT_EQ(read(stage / "README"), "mine");
  EXPECT_EQ(read(root_ / "elsewhere" / "photo.png"), "mine");
}

/// Relies on three artifacts as a run does: says so, then finds or makes each, and uses them for a
/// while. 0 if all of them stayed.
int use_artifacts(const Store& store, const std::vector<StageNode>& nodes) {
  std::vector<std::string> keys;
  for (const StageNode& node : nodes) keys.push_back(node.key);
  const auto live = hold_keys(store.root(), "a sweep", keys, [](const std::string&) {});
  Progress progress;
  RunSettings settings;
  StageRunner runner(store, progress, settings);
  for (const StageNode& node : nodes) {
    runner.run(node, [](StageContext& context) {
      std::ofstream(context.work() / "model.bin") << "model";
      return nlohmann::json::object();
    });
  }
  for (int i = 0; i < 20; ++i) {
    for (const StageNode& node : nodes) {
      if (!store.complete(node)) return 1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return 0;
}

TEST_F(GcTest, RunsBesideRunsAndRobsNone) {
  const std::vector<StageNode> nodes = {node(1), node(2), node(3)};
  int removed = 0;
  for (int round = 0; round < 8; ++round) {
    std::vector<pid_t> runs;
    for (int i = 0; i < 3; ++i) {
      runs.push_back(spawn([&] { return use_artifacts(store(), nodes); }));
    }
    const pid_t collector = spawn([&] {
      for (int i = 0; i < 20; ++i) collect_garbage(older_than(0));
      return 0;
    });
    for (const pid_t run : runs) EXPECT_EQ(wait_for(run), 0);
    EXPECT_EQ(wait_for(collector), 0);
    removed += static_cast<int>(collect_garbage(older_than(0)).removed.size());
  }
  EXPECT_GE(removed, 3);  // once nobody needs them, they go
  for (const StageNode& each : nodes) EXPECT_FALSE(there(each));
}

TEST_F(GcTest, WaitsForWhoeverIsAboutToSayWhatItNeeds) {
  make(node(1), 40);
  auto starting = std::make_unique<FileLock>(live_lock(root_ / "store"), [](const std::string&) {});
  const pid_t collector = spawn([&] {
    collect_garbage(older_than(30));
    return 0;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // time enough to do harm
  LiveFile live(live_folder(root_ / "store"));
  live.show({{"keys", {node(1).key}}});
  starting.reset();
  EXPECT_EQ(wait_for(collector), 0);
  EXPECT_TRUE(there(node(1)));
}

TEST_F(GcTest, NeedsACriterion) {
  GcOptions options;
  options.store = root_ / "store";
  EXPECT_THAT([&] { collect_garbage(options); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("--older-than 30d")));
}

TEST_F(GcTest, TheTableOfSizesCountsFilesByStage) {
  make(node(1), 40);
  make(node(2), 1);
  make(make_node("tokens", 1, nlohmann::json::object()));
  const std::vector<StageSize> sizes = stage_sizes(root_ / "store");
  ASSERT_EQ(sizes.size(), 2u);
  EXPECT_EQ(sizes[0].stage, "any_order");
  EXPECT_EQ(sizes[0].artifacts, 2);
  EXPECT_GE(sizes[0].bytes, 2000);
  EXPECT_NEAR(sizes[0].oldest, 40 * kDay, 60);
}

TEST(AgeFromText, ReadsANumberAndAUnit) {
  EXPECT_EQ(age_from_text("90s"), 90);
  EXPECT_EQ(age_from_text("1.5h"), 5400);
  EXPECT_EQ(age_from_text("30d"), 30 * kDay);
  EXPECT_EQ(age_from_text("2w"), 14 * kDay);
  for (const char* text : {"", "30", "d", "-1d", "30 days", "1e999d", "nand"}) {
    EXPECT_THROW(age_from_text(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace oar
