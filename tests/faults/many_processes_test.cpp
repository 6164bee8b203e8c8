// Several processes on one sweep and one store; one that is told to stop; one that cannot begin.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/faults/fault_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SharedSweepTrains : public FaultTest {
 protected:
  SharedSweepTrains() { sweep_ = "planted.json"; }

  /// How often each key was made: times its working folder became an artifact.
  std::map<std::string, int> times_made() const {
    static const std::regex work("store/([a-z_]+/[0-9a-f]{32})\\.work");
    std::map<std::string, int> times;
    for (const DiskCall& call : disk_calls()) {
      std::smatch match;
      if (call.call == "rename" && std::regex_match(call.path, match, work)) ++times[match[1]];
    }
    return times;
  }
  int count(const std::string& file) const {
    int found = 0;
    if (!fs::exists(folder_ / "store")) return 0;
    for (const auto& entry : fs::recursive_directory_iterator(
             folder_ / "store", fs::directory_options::skip_permission_denied)) {
      found += entry.path().filename() == file;
    }
    return found;
  }
};

TEST_F(SharedSweepTrains, EightShareASweepAndRunNoStageTwice) {
  ASSERT_EQ(run_sweep("calm").code, 0);
  watch_disk();
  std::vector<pid_t> processes;
  for (int i = 0; i < 8; ++i) processes.push_back(start(arguments("store")));
  for (const pid_t process : processes) {
    const Outcome outcome = finish(process);
    EXPECT_EQ(outcome.code, 0) << outcome.text;
  }
  const auto times = times_made();
  EXPECT_EQ(times.size(), 22u);
  for (const auto& [key, made] : times) EXPECT_EQ(made, 1) << key;
  EXPECT_THAT(differences("store", "calm"), IsEmpty());
  EXPECT_EQ(numbers("store"), numbers("calm"));
}

TEST_F(SharedSweepTrains, TwoWorkersRunNoStageTwiceEither) {
  ASSERT_EQ(run_sweep("calm").code, 0);
  watch_disk();
  const Outcome outcome = run(arguments("store", {"-j", "2"}));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  const auto times = times_made();
  EXPECT_EQ(times.size(), 22u);
  for (const auto& [key, made] : times) EXPECT_EQ(made, 1) << key;
  EXPECT_THAT(differences("store", "calm"), IsEmpty());
  EXPECT_EQ(numbers("store"), numbers("calm"));
}

TEST_F(SharedSweepTrains, AllWorkersWriteACheckpointWhenToldToStop) {
  const std::vector<std::string> more = {
      "-j", "2", "--set", "train.images_seen=12000", "--checkpoint-every", "0.1"};
  ASSERT_EQ(run_sweep("calm", more).code, 0);
  const pid_t parent = start(arguments("store", more));
  const auto trainings = [&] {  // those of any_order that are well under way
    int found = 0;
    if (!fs::exists(folder_ / "store/any_order")) return 0;
    for (const auto& entry : fs::directory_iterator(folder_ / "store/any_order")) {
      found += fs::exists(entry.path() / "scratch" / "checkpoint.safetensors");
    }
    return found;
  };
  for (int i = 0; i < 6000 && trainings() < 2; ++i) ::usleep(10000);
  ::kill(parent, SIGTERM);
  const Outcome stopped = finish(parent);
  EXPECT_EQ(stopped.code, 75) << stopped.text;
  EXPECT_EQ(count("checkpoint.safetensors"), 2) << stopped.text;
  const Outcome last = run_sweep("store", more);
  EXPECT_EQ(last.code, 0) << last.text;
  EXPECT_THAT(differences("store", "calm"), IsEmpty());
  EXPECT_EQ(numbers("store"), numbers("calm"));
}

TEST_F(SharedSweepTrains, ACellThatThrowsDoesNotStopTheOthersUnlessTheSweepSaysSo) {
  fs::create_directories(folder_ / "photos");
  std::ofstream(folder_ / "photos" / "a.jpg") << "no image";
  const auto write_sweep = [&](const std::string& strategy) {
    std::ofstream(folder_ / "planted.json") << R"({
      "version": 1,
      "defaults": {
        "model": {"layers": 1, "width": 32, "heads": 2},
        "train": {"images_seen": 64, "batch_size": 8},
        "relabel": null,
        "generate": {"num_samples": 4, "batch_size": 4},
        "evaluate": {"metrics": ["fid"], "max_reference": 4}
      },
      "recipes": {
        "broken": {"dataset": {"name": "image_folder", "root": "photos", "image_size": 32},
                   "tokenizer.preset": "nano"},
        "sound": {"dataset": {"name": "planted_path", "rows": 4, "cols": 4, "codes": 8,
                              "max_images": 60}}
      },
      "strategy": )" << strategy << "}";
  };
  write_sweep("{}");
  const Outcome outcome = run_sweep("store");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  ASSERT_EQ(results("store").at("cells").size(), 2u);
  const json broken = results("store").at("cells")[0];
  EXPECT_EQ(broken.at("status"), "failed");
  EXPECT_THAT(broken.at("error").get<std::string>(), HasSubstr("a.jpg"));
  EXPECT_EQ(results("store").at("cells")[1].at("status"), "done");

  write_sweep(R"({"fail_fast": true})");
  const Outcome stopped = run_sweep("other");
  EXPECT_NE(stopped.code, 0) << stopped.text;
  EXPECT_EQ(results("other").at("cells")[0].at("status"), "failed");
  for (const json& cell : results("other").at("cells")) EXPECT_NE(cell.at("status"), "done");

  const Outcome together = run_sweep("third", {"-j", "2", "--set", "train.images_seen=40000"});
  EXPECT_NE(together.code, 0) << together.text;
  EXPECT_EQ(results("third").at("cells")[0].at("status"), "failed");
  EXPECT_NE(results("third").at("cells")[1].at("status"), "done");  // it had just begun
}

TEST_F(SharedSweepTrains, TwoMeetADamagedArtifactAndItIsMadeAnewOnce) {
  ASSERT_EQ(run_sweep("calm").code, 0);
  fs::copy(folder_ / "calm", folder_ / "store", fs::copy_options::recursive);
  for (const auto& artifact : fs::directory_iterator(folder_ / "store/any_order")) {
    const fs::path weights = artifact.path() / "weights.safetensors";
    if (fs::exists(weights)) fs::resize_file(weights, fs::file_size(weights) / 2);
  }
  watch_disk();
  const std::vector<pid_t> processes = {start(arguments("store")), start(arguments("store"))};
  for (const pid_t process : processes) {
    const Outcome outcome = finish(process);
    EXPECT_EQ(outcome.code, 0) << outcome.text;
  }
  const auto times = times_made();
  EXPECT_EQ(times.size(), 4u);  // two seeds of two orders; all else is what it was
  for (const auto& [key, made] : times) EXPECT_EQ(made, 1) << key;
  EXPECT_THAT(differences("store", "calm"), IsEmpty());
}

TEST_F(SharedSweepTrains, AMissingGpuIsSaidBeforeAnythingRuns) {
  if (fs::exists("/dev/nvidiactl")) GTEST_SKIP() << "this machine has a GPU";
  std::vector<std::string> words = arguments("store");
  *std::find(words.begin(), words.end(), "cpu") = "cuda";
  const Outcome outcome = run(words);
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("--device"));
  EXPECT_FALSE(fs::exists(folder_ / "store"));
}

}  // namespace
}  // namespace oar
