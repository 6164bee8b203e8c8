// Death, at exact points and at pseudo-random moments: what is in the end is what would have been.
#include <gmock/gmock.h>
#include <sys/time.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/fault_fixture.h"

namespace oar {
namespace {

using ::testing::IsEmpty;

using KilledTrains = FaultTest;

// As in full_disk_test.cpp, each death is followed by a run that goes on to the next.
TEST_F(KilledTrains, BetweenAnyTwoStepsOfACommitLosesNothing) {
  const std::vector<Fault> deaths = {
      {"open", "store/dataset/*/manifest.json.tmp.*", "kill_after"},
      {"rename", "store/dataset/*/manifest.json", "kill_before"},
      {"rename", "store/dataset/*/manifest.json", "kill_after"},  // sealed: published by the next
      {"write", "store/tokenizer/*/scratch/checkpoint.safetensors.tmp.*", "kill_after"},
      {"rename", "store/tokenizer/*/scratch/checkpoint.safetensors", "kill_before"},
      {"rename", "store/tokenizer/*/scratch/checkpoint.safetensors", "kill_after"},
      {"rename", "store/tokenizer/????????????????????????????????.work", "kill_before"},
      {"rename", "store/tokenizer/????????????????????????????????.work", "kill_after"},
      {"rename", "store/any_order/*/scratch/checkpoint.safetensors", "kill_before", 3},
      {"rename", "store/any_order/*/scratch/checkpoint.safetensors", "kill_after", 2},
      {"remove", "store/any_order/*/scratch*", "kill_before"},  // sealed, scratch half gone
      {"remove", "store/any_order/*/scratch*", "kill_after"},
      {"rename", "store/samples/*/images/*.png", "kill_before", 2},
      {"rename", "store-out/results.json", "kill_before"},
      {"rename", "store-out/results.json", "kill_after"},
  };
  ASSERT_EQ(run_sweep("calm", {"--checkpoint-every", "0"}).code, 0);
  for (const Fault& death : deaths) {
    SCOPED_TRACE(death.action + " " + death.call + " " + death.path);
    const Outcome outcome = run_with(death, "store", {"--checkpoint-every", "0"});
    EXPECT_EQ(outcome.code, 128 + SIGKILL) << outcome.text;
  }
  const Outcome last = run_sweep("store");
  EXPECT_EQ(last.code, 0) << last.text;
  EXPECT_EQ(numbers("store"), numbers("calm"));
  EXPECT_THAT(differences("store", "calm"), IsEmpty());
}

/// Sends SIGKILL to the child after so many seconds; true if it was still there to be killed.
class RandomKills : public FaultTest {
 protected:
  static double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  Outcome kill_after(double seconds, const std::vector<std::string>& arguments) {
    const pid_t child = start(arguments);
    ::usleep(static_cast<useconds_t>(seconds * 1e6));
    ::kill(child, SIGKILL);
    return finish(child);
  }
  /// Runs that continued a training from a checkpoint or an unfinished stage.
  bool has_unfinished_work(const std::string& store) const {
    if (!std::filesystem::exists(folder_ / store)) return false;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / store)) {
      if (entry.path().filename() == "checkpoint.safetensors") return true;
    }
    return false;
  }
};
using RandomKillsTrains = RandomKills;

TEST_F(RandomKillsTrains, FiftyLeaveEveryFileAsAnUndisturbedRunLeavesIt) {
  const std::vector<std::string> more = {
      "--set", "train.images_seen=2000", "--set", "tokenizer.images_seen=48", "--checkpoint-every",
      "0.1"};
  ASSERT_EQ(run_sweep("calm", more).code, 0);
  // A run of a finished sweep: what starting costs on this machine. Kills come after about that
  // time, as a killed start teaches nothing.
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(run_sweep("calm", more).code, 0);
  const double start = seconds_since(begin);

  std::mt19937 random(20250417);
  std::uniform_real_distribution<double> moment(0.6, 2.5);
  int kills = 0, resumed_kills = 0, rounds = 0;
  for (int runs = 0; kills < 50 && runs < 150; ++runs) {
    const std::string store = "store" + std::to_string(rounds);
    const bool resumes = has_unfinished_work(store);
    const Outcome outcome = kill_after(start * moment(random), arguments(store, more));
    if (outcome.code == 128 + SIGKILL) {
      ++kills;
      resumed_kills += resumes;
      continue;
    }
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_THAT(differences(store, "calm"), IsEmpty());
    EXPECT_EQ(numbers(store), numbers("calm"));
    std::filesystem::remove_all(folder_ / store);
    ++rounds;
  }
  EXPECT_EQ(kills, 50);
  EXPECT_GT(resumed_kills, 10);
  const std::string store = "store" + std::to_string(rounds);
  const Outcome last = run_sweep(store, more);
  ASSERT_EQ(last.code, 0) << last.text;
  EXPECT_THAT(differences(store, "calm"), IsEmpty());
  EXPECT_EQ(numbers(store), numbers("calm"));
  RecordProperty("rounds", rounds + 1);
  RecordProperty("kills_of_resumed_trainings", resumed_kills);
}

}  // namespace
}  // namespace oar
