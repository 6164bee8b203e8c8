#include "harness/store/live_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <system_error>

#include "datasets/sha256.h"
#include "tests/harness/store/store_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LiveFileTest : public StoreTest {
 protected:
  fs::path folder() const { return root_ / "status"; }
  std::vector<LiveProcess> processes() const { return live_processes(folder()); }

  /// A child that shows `value` and then lives until it is killed.
  pid_t start_showing(const json& value) {
    const pid_t child = spawn([&] {
      alarm(60);  // ends without its parent too
      LiveFile file(folder());
      file.show(value);
      for (;;) pause();
      return 0;
    });
    eventually([&] { return processes().size() == 1 && processes()[0].shown == value; });
    return child;
  }
};

TEST_F(LiveFileTest, ShowsWhatItsProcessDoesForAsLongAsItLives) {
  {
    LiveFile file(folder());
    EXPECT_EQ(file.path().filename(), host_name() + "-" + std::to_string(getpid()) + ".json");
    file.show({{"cell", "raster"}, {"done", 12345}});
    file.show({{"cell", "oar"}});  // shorter: nothing of the longer one is left
    ASSERT_THAT(processes(), SizeIs(1));
    EXPECT_EQ(processes()[0].file, file.path());
    EXPECT_TRUE(processes()[0].alive);
    EXPECT_EQ(processes()[0].shown, (json{{"cell", "oar"}}));
  }
  EXPECT_THAT(processes(), IsEmpty());
}

TEST_F(LiveFileTest, AProcessThatWasKilledIsSeenAsDeadWithItsLastWords) {
  const pid_t child = start_showing({{"cell", "oar"}});
  ASSERT_THAT(processes(), SizeIs(1));
  EXPECT_TRUE(processes()[0].alive);
  kill(child, SIGKILL);
  EXPECT_EQ(wait_for(child), -SIGKILL);
  ASSERT_THAT(processes(), SizeIs(1));
  EXPECT_FALSE(processes()[0].alive);
  EXPECT_EQ(processes()[0].shown, (json{{"cell", "oar"}}));
}

TEST_F(LiveFileTest, MayLeaveItsLastWords) {
  {
    LiveFile file(folder());
    file.show({{"cell", "oar"}});
    file.leave();
  }
  ASSERT_THAT(processes(), SizeIs(1));
  EXPECT_FALSE(processes()[0].alive);
  EXPECT_EQ(processes()[0].shown, (json{{"cell", "oar"}}));
}

TEST_F(LiveFileTest, OnlyTheDeadAreRemoved) {
  const pid_t child = start_showing({{"cell", "dead"}});
  kill(child, SIGKILL);
  wait_for(child);
  LiveFile file(folder());
  file.show({{"cell", "alive"}});
  write(folder() / "notes.txt", "not ours");
  EXPECT_THAT(processes(), SizeIs(2));
  remove_dead(folder());
  ASSERT_THAT(processes(), SizeIs(1));
  EXPECT_EQ(processes()[0].shown.at("cell"), "alive");
  EXPECT_TRUE(fs::exists(folder() / "notes.txt"));
}

TEST_F(LiveFileTest, AForkedChildNeitherRemovesItsParentsFileNorLetsGoOfIt) {
  const auto file = std::make_unique<LiveFile>(folder());
  EXPECT_EQ(in_child([&] {
              file->~LiveFile();
              return 0;
            }),
            0);
  ASSERT_THAT(processes(), SizeIs(1));
  EXPECT_TRUE(processes()[0].alive);
}

TEST_F(LiveFileTest, TwoOfOneNameTakeTwoFiles) {  // containers may share host name and number
  const LiveFile one(folder());
  const LiveFile two(folder());
  EXPECT_NE(one.path(), two.path());
  EXPECT_EQ(two.path().filename(), host_name() + "-" + std::to_string(getpid()) + "-2.json");
  EXPECT_THAT(processes(), SizeIs(2));
}

TEST_F(LiveFileTest, TheNumberOfADeadProcessCanBeTakenAgain) {
  const std::string name = host_name() + "-" + std::to_string(getpid()) + ".json";
  fs::create_directories(folder());
  write(folder() / name, "{\"cell\":\"of an earlier process with our number\"}");
  EXPECT_FALSE(processes().at(0).alive);
  const LiveFile file(folder());
  EXPECT_EQ(file.path().filename(), name);
  ASSERT_THAT(processes(), SizeIs(1));
  EXPECT_TRUE(processes()[0].alive);
  EXPECT_EQ(processes()[0].shown, nullptr);
}

TEST_F(LiveFileTest, AReaderNeverSeesATextHalfRewritten) {
  // Two texts of different lengths over many pages: a torn one would not be uniform.
  const auto uniform = [](const std::string& letter, int count) {
    return json(std::vector<std::string>(static_cast<size_t>(count), letter));
  };
  const pid_t child = spawn([&] {
    alarm(60);  // ends without its parent too
    LiveFile file(folder());
    for (int i = 0;; ++i) file.show(i % 2 ? uniform("a", 9000) : uniform("b", 4000));
    return 0;
  });
  eventually([&] { return !processes().empty() && !processes()[0].shown.is_null(); });
  int whole = 0, torn = 0;
  for (int i = 0; i < 200; ++i) {
    const json shown = processes().at(0).shown;
    const bool is_whole = shown == uniform("a", 9000) || shown == uniform("b", 4000);
    whole += is_whole;
    torn += !is_whole && !shown.is_null();  // null: rewritten each time it was looked at
  }
  kill(child, SIGKILL);
  wait_for(child);
  EXPECT_GT(whole, 0);
  EXPECT_EQ(torn, 0);
}

TEST_F(LiveFileTest, AFullDiskLosesTheTextAndNothingElse) {
  const int code = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    LiveFile file(folder());
    file.show({{"cell", "short"}});
    const rlimit limit{64, 64};
    setrlimit(RLIMIT_FSIZE, &limit);
    file.show(std::string(1000, 'x'));
    const auto seen = processes();
    return seen.size() == 1 && seen[0].alive && seen[0].shown.is_null() ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(LiveFileTest, WhatIsNoJsonOrNestedTooDeepIsShownAsNothing) {
  fs::create_directories(folder());
  write(folder() / "a.json", "{\"cell\":");
  write(folder() / "b.json", std::string(100000, '['));
  const std::string deep = std::string(100000, '[') + std::string(100000, ']') + "\n";
  write(folder() / "c.json", deep + '"' + sha256_hex(deep) + "\"\n");
  ASSERT_THAT(processes(), SizeIs(3));
  for (const LiveProcess& process : processes()) EXPECT_EQ(process.shown, nullptr);
}

TEST_F(LiveFileTest, AFolderThatIsNotThereHasNone) {
  EXPECT_THAT(live_processes(root_ / "absent"), IsEmpty());
  remove_dead(root_ / "absent");
}

TEST_F(LiveFileTest, SaysWhichFileCannotBeMade) {
  write(root_ / "taken", "a file where the folder should be");
  try {
    const LiveFile file(root_ / "taken");
    FAIL() << "a file cannot lie in a file";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("taken"));
  }
}

}  // namespace
}  // namespace oar
