// `submit` on a real Slurm, which the tests start and stop themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/harness/program.h"
#include "tests/slurm/slurm_machine.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class SlurmTrains : public ProgramTest {
 protected:
  void SetUp() override {
    if (!SlurmMachine::installed()) {
      GTEST_SKIP() << "slurmctld is not installed; make test-slurm installs it";
    }
    ProgramTest::SetUp();
    environment_ = {{"OMP_NUM_THREADS", "1"}, {"OMP_WAIT_POLICY", "PASSIVE"}};
    slurm_ = std::make_unique<SlurmMachine>();
    std::ofstream(folder_ / "planted.json") << R"({
      "version": 1,
      "name": "planted",
      "defaults": {
        "dataset": {"name": "planted_path", "rows": 4, "cols": 4, "codes": 8, "max_images": 60,
                    "held_out": 0.2},
        "model": {"layers": 1, "width": 32, "heads": 2},
        "train": {"images_seen": 2000, "batch_size": 8},
        "relabel": {"max_images": 8, "images_seen": 64, "batch_size": 8},
        "generate": {"num_samples": 8, "batch_size": 4}
      },
      "recipes": {
        "raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
        "oar_finetuned": {}
      },
      "seeds": [0, 1]
    })";
  }
  void TearDown() override {
    slurm_.reset();
    if (!folder_.empty()) ProgramTest::TearDown();
  }

  Outcome submit(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"submit",  "planted.json", "--executor",      "slurm",
                                      "--store", "store",        "--out",           out,
                                      "--mem",   "400M",         "--cpus-per-task", "1",
                                      "--time",  "10:00",        "--device",        "cpu"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  json results(const fs::path& out) const {
    std::ifstream in(folder_ / out / "results.json");
    return json::parse(in);
  }
  static json numbers(const json& results) {
    json numbers = json::array();
    for (const json& cell : results.at("cells")) {
      json stages = json::array();
      for (const json& stage : cell.at("stages")) {
        stages.push_back({stage.at("role"), stage.at("key"), stage.at("record")});
      }
      numbers.push_back({cell.at("id"), cell.at("status"), cell.at("metrics"), stages});
    }
    return numbers;
  }
  /// What the jobs have said, for a test that fails.
  std::string logs(const fs::path& out) const {
    std::stringstream text;
    for (const auto& entry : fs::directory_iterator(folder_ / out / "slurm")) {
      if (entry.path().extension() != ".log") continue;
      text << entry.path().filename() << "\n" << std::ifstream(entry.path()).rdbuf() << "\n";
    }
    return text.str();
  }
  bool training_has_begun() const {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder_ / "store/any_order", none)) {
      if (entry.path().extension() == ".work") return true;
    }
    return false;
  }
  void wait_for_training() const {
    for (int i = 0; i < 3000 && !training_has_begun(); ++i) ::usleep(10'000);
    ASSERT_TRUE(training_has_begun());
    ::usleep(300'000);
  }
  std::map<std::string, std::string> task(const std::string& number) const {
    for (const auto& job : slurm_->jobs()) {
      if (job.contains("ArrayTaskId") && job.at("ArrayTaskId") == number) return job;
    }
    return {};
  }

  std::unique_ptr<SlurmMachine> slurm_;
};

TEST_F(SlurmTrains, AnArrayMakesTheNumbersOfAPlainRunAndAJobAfterItReports) {
  ASSERT_EQ(run({"run", "planted.json", "--store", "plain", "--out", "plain-out", "--device", "cpu",
                 "--quiet"})
                .code,
            0);
  const std::string out = "it's \"my\" $(out) 100% #1";  // as hostile as a folder may be
  const Outcome submitted = submit(out);
  ASSERT_EQ(submitted.code, 0) << submitted.text;
  EXPECT_THAT(submitted.text, HasSubstr("4 tasks for 4 cells"));
  ASSERT_TRUE(slurm_->wait_until_idle(180)) << logs(out);

  EXPECT_EQ(numbers(results(out)), numbers(results("plain-out"))) << logs(out);
  EXPECT_TRUE(fs::exists(folder_ / out / "report.md"));
  std::string last_end, report_start;
  std::set<std::string> tasks;
  for (const auto& job : slurm_->jobs()) {
    EXPECT_EQ(job.at("JobState"), "COMPLETED") << job.at("JobId") << logs(out);
    if (job.contains("ArrayTaskId")) {
      tasks.insert(job.at("ArrayTaskId"));
      last_end = std::max(last_end, job.at("EndTime"));
    } else {
      report_start = job.at("StartTime");
    }
  }
  EXPECT_EQ(tasks, (std::set<std::string>{"1", "2", "3", "4"}));
  EXPECT_GE(report_start, last_end);
  for (const std::string& number : tasks) {  // each task's own record: its cell, done
    const json shard = results(fs::path(out) / "shards" / (number + "-of-4"));
    ASSERT_EQ(shard.at("cells").size(), 1u);
    EXPECT_EQ(shard.at("cells")[0].at("status"), "done");
  }
}

TEST_F(SlurmTrains, ATaskThatIsToldToStopWritesACheckpointAndContinuesAfterARequeue) {
  const std::vector<std::string> longer = {"--set", "train.images_seen=5000"};
  std::vector<std::string> plain = {"run",       "planted.json", "--store", "plain",  "--out",
                                    "plain-out", "--device",     "cpu",     "--quiet"};
  plain.insert(plain.end(), longer.begin(), longer.end());
  ASSERT_EQ(run(plain).code, 0);
  std::vector<std::string> more = longer;
  more.insert(more.end(), {"--tasks", "1"});
  const Outcome submitted = submit("out", more);
  ASSERT_EQ(submitted.code, 0) << submitted.text;
  wait_for_training();
  output_of("scancel --signal=TERM --batch " + task("1").at("ArrayJobId") + "_1");
  ASSERT_TRUE(slurm_->wait_until_idle(180)) << logs("out");
  EXPECT_EQ(task("1").at("Restarts"), "1") << logs("out");
  EXPECT_EQ(task("1").at("JobState"), "COMPLETED") << logs("out");
  EXPECT_THAT(logs("out"), HasSubstr("the same command again continues"));
  EXPECT_THAT(logs("out"), HasSubstr("continues after a requeue"));
  EXPECT_EQ(numbers(results("out")), numbers(results("plain-out"))) << logs("out");
}

TEST_F(SlurmTrains, RanksOfATaskTrainOneModelAndStopAndContinueTogether) {
  if (output_of("srun --mpi=list 2>&1").find("pmix") == std::string::npos ||
      !fs::exists(fs::path(OAR_BENCH_PROGRAM).parent_path() / "liboar_mpi.so")) {
    GTEST_SKIP() << "this Slurm has no PMIx, or the program no MPI";
  }
  environment_["SLURM_MPI_TYPE"] = "pmix";  // as MpiDefault says on a cluster
  const Outcome submitted =
      submit("out", {"--tasks", "1", "--ranks", "2", "--set", "train.images_seen=5000"});
  ASSERT_EQ(submitted.code, 0) << submitted.text;
  wait_for_training();
  output_of("scancel --signal=TERM --batch " + task("1").at("ArrayJobId") + "_1");
  ASSERT_TRUE(slurm_->wait_until_idle(180)) << logs("out");
  EXPECT_EQ(task("1").at("Restarts"), "1") << logs("out");
  EXPECT_EQ(task("1").at("JobState"), "COMPLETED") << logs("out");
  EXPECT_THAT(logs("out"), HasSubstr("continues after a requeue"));
  for (const json& cell : results("out").at("cells")) {
    EXPECT_EQ(cell.at("status"), "done");
    for (const json& stage : cell.at("stages")) {
      if (stage.at("role") == "any_order") {
        EXPECT_EQ(stage.at("record").at("ranks"), 2);
      }
    }
  }
}

TEST_F(SlurmTrains, ACancelledTaskStaysCancelledAndItsCheckpointStays) {
  const Outcome submitted = submit("out", {"--tasks", "1", "--set", "train.images_seen=400000"});
  ASSERT_EQ(submitted.code, 0) << submitted.text;
  wait_for_training();
  output_of("scancel " + task("1").at("ArrayJobId"));
  ASSERT_TRUE(slurm_->wait_until_idle(60)) << logs("out");
  EXPECT_EQ(task("1").at("JobState"), "CANCELLED") << logs("out");
  EXPECT_EQ(task("1").at("Restarts"), "0");
  EXPECT_THAT(logs("out"), Not(HasSubstr("continues after a requeue")));
  bool checkpoint = false;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "store")) {
    checkpoint = checkpoint || entry.path().filename() == "checkpoint.safetensors";
  }
  EXPECT_TRUE(checkpoint) << logs("out");
  // The report says what there is.
  EXPECT_EQ(results("out").at("cells")[0].at("status"), "interrupted");
}

TEST_F(SlurmTrains, SaysWhatSlurmRefuses) {
  const Outcome refused = submit("out", {"--partition", "no_such_partition"});
  EXPECT_EQ(refused.code, 74) << refused.text;
  EXPECT_THAT(refused.text, HasSubstr("invalid partition"));
  EXPECT_THAT(refused.text, HasSubstr("nothing was submitted"));
}

}  // namespace
}  // namespace oar
