// A disk that refuses: at every kind of write to every kind of file, and altogether.
#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/fault_fixture.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using FullDiskTrains = FaultTest;

/// What tells others what a run is doing, what it costs, and what failed before: text that no
/// result needs.
bool is_courtesy(const DiskCall& call) {
  static const std::regex text(
      R"(.*/(live|status)(\.lock|/.*)?|.*/log\.(txt|jsonl).*|.*/attempts\.json.*)");
  return std::regex_match(call.path, text) ||
         (call.path.ends_with(".lock") && (call.call == "write" || call.call == "truncate")) ||
         (call.path.ends_with(".failed.json") && call.call == "remove");
}

/// The files of this kind, whatever their stage, key, number and process: a pattern of fnmatch.
std::string kind_of(const std::string& path) {
  static const std::string key = "store/*/" + std::string(32, '?');
  const std::string keys = std::regex_replace(path, std::regex("^store/[a-z_]+/[0-9a-f]{32}"), key);
  return std::regex_replace(keys, std::regex("[0-9]+"), "*");
}

/// One of each kind of call that a run needs, in the order of their first time.
std::vector<DiskCall> kinds_of(const std::vector<DiskCall>& calls) {
  std::vector<DiskCall> kinds;
  std::set<std::string> known;
  for (const DiskCall& call : calls) {
    const DiskCall kind = {call.call, kind_of(call.path)};
    if (!is_courtesy(call) && known.insert(kind.call + " " + kind.path).second) {
      kinds.push_back(kind);
    }
  }
  return kinds;
}

/// The file's own name, without that of the temporary file it is written to first.
std::string name_of(const std::string& path) {
  return std::regex_replace(path, std::regex(R"(\.tmp\.[0-9.]+$)"), "");
}

class EveryWriteTrains : public FaultTest {
 protected:
  /// A run that meets this fault: false if it has done no such call. What it says names the file,
  /// and what was complete stays as it was.
  bool meets(const DiskCall& kind) {
    SCOPED_TRACE(kind.call + " " + kind.path);
    const auto complete = artifacts("store");
    const Outcome outcome = run_with({kind.call, kind.path}, "store", kOften);
    EXPECT_EQ(outcome.code, struck() ? 74 : 0) << outcome.text;
    if (!struck()) return false;
    for (const DiskCall& call : disk_calls()) {
      if (call.call == "FAULT") {
        EXPECT_THAT(outcome.text, HasSubstr(name_of(call.path)));
      }
    }
    EXPECT_THAT(outcome.text, HasSubstr("No space left on device"));
    const auto now = artifacts("store");
    for (const auto& [name, bytes] : complete) {
      EXPECT_TRUE(now.contains(name) && now.at(name) == bytes) << name;
    }
    return true;
  }

  const std::vector<std::string> kOften = {"--checkpoint-every", "0"};
};

// Each fault stops the run where it is, and the next run continues from there to the next fault, so
// that all of them together cost little more than one run. Those that a run has passed before their
// turn came are left to another round.
TEST_F(EveryWriteTrains, ThatFailsIsNamedAndCostsNothingThatIsComplete) {
  ASSERT_EQ(run_watched("store", kOften).code, 0);
  std::vector<DiskCall> left;
  const std::vector<DiskCall> kinds = kinds_of(disk_calls());
  ASSERT_GT(kinds.size(), 50u);
  const size_t every = std::getenv("OAR_ALL_FAULTS") != nullptr ? 1 : 6;
  for (size_t i = every / 2; i < kinds.size(); i += every) left.push_back(kinds[i]);
  std::filesystem::rename(folder_ / "store", folder_ / "calm");
  std::filesystem::rename(folder_ / "store-out", folder_ / "calm-out");

  while (!left.empty()) {
    std::vector<DiskCall> missed;
    bool finished = false;
    for (const DiskCall& kind : left) {
      finished = finished || !meets(kind);
      if (finished) missed.push_back(kind);
    }
    ASSERT_LT(missed.size(), left.size()) << missed.front().call << " " << missed.front().path;
    left = missed;
    const Outcome last = run_sweep("store");
    EXPECT_EQ(last.code, 0) << last.text;
    EXPECT_EQ(numbers("store"), numbers("calm"));
    EXPECT_THAT(differences("store", "calm"), IsEmpty());
    std::filesystem::remove_all(folder_ / "store");
    std::filesystem::remove_all(folder_ / "store-out");
  }
}

TEST_F(FullDiskTrains, CostsTheTextsThatNoResultNeedsButNotTheRun) {
  const Outcome outcome = run_with({.call = "@(write|truncate|sync|rename)",
                                    .path = "@(*/live*|*/status*|*/log.*|*/attempts.json*)",
                                    .lasts = true},
                                   "store", {"--checkpoint-every", "0"});
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_TRUE(struck());
  for (const auto& cell : results("store").at("cells")) EXPECT_EQ(cell.at("status"), "done");
}

TEST_F(FullDiskTrains, LocksWithoutAText) {
  const Outcome outcome = run_with(
      {.call = "@(write|truncate)", .path = "*.lock", .action = "EIO", .lasts = true}, "store");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_TRUE(struck());
}

TEST_F(FullDiskTrains, NeedsToWriteNothingWhereEverythingIsThere) {
  const Fault read_only = {.call = "*", .path = "store*", .action = "EROFS", .lasts = true};
  const Outcome empty = run_with(read_only, "store");
  EXPECT_EQ(empty.code, 74) << empty.text;
  EXPECT_THAT(empty.text, HasSubstr("--store"));
  EXPECT_THAT(empty.text, HasSubstr("Read-only file system"));

  ASSERT_EQ(run_sweep("store").code, 0);
  const auto made = numbers("store");
  std::filesystem::remove_all(folder_ / "store-out");
  const Outcome cached =
      run_with({.call = "*", .path = "store/*", .action = "EROFS", .lasts = true}, "store");
  EXPECT_EQ(cached.code, 0) << cached.text;
  EXPECT_EQ(numbers("store"), made);

  std::filesystem::remove_all(folder_ / "store/scores");
  const Outcome lacking =
      run_with({.call = "*", .path = "store/*", .action = "EROFS", .lasts = true}, "store");
  EXPECT_EQ(lacking.code, 74) << lacking.text;
  EXPECT_THAT(lacking.text, HasSubstr("store/scores"));
}

}  // namespace
}  // namespace oar
