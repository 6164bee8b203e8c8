// Several processes that train together, under the real mpirun. Skipped by name where Open MPI is
// not installed.
#include "harness/run/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/weights/tensor_file.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

TEST(JobExitCode, IsThatOfAnInterruptedRunWhereASignalEndedARank) {
  EXPECT_EQ(job_exit_code(0, false), 0);
  EXPECT_EQ(job_exit_code(137, false), 75);
  EXPECT_EQ(job_exit_code(143, false), 75);
  EXPECT_EQ(job_exit_code(74, false), 74);
  EXPECT_EQ(job_exit_code(139, false), 139);  // a crash is no reason to try again
  EXPECT_EQ(job_exit_code(1, true), 75);      // what mpirun says when it is told to stop
  EXPECT_EQ(job_exit_code(0, true), 0);       // it had just finished
}

// Codes without images: both trainings, and nothing that takes long beside them.
constexpr char kSweep[] = R"({
  "version": 1,
  "defaults": {
    "dataset": {"name": "planted_path", "max_images": 64, "held_out": 0.2},
    "model": {"layers": 2, "width": 32, "heads": 2},
    "train": {"images_seen": 320, "batch_size": 16},
    "relabel": {"max_images": 16, "images_seen": 64, "batch_size": 10},
    "generate": {"num_samples": 8}
  },
  "recipes": {"oar_finetuned": {}}
})";

class DataParallelRun : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::ofstream(folder_ / "sweep.json") << kSweep;
    if (std::system("mpirun --version >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "mpirun is not installed (make test)";
    }
    if (!fs::exists(fs::path(OAR_BENCH_PROGRAM).parent_path() / "liboar_mpi.so")) {
      GTEST_SKIP() << "built without MPI (Debian: libopenmpi-dev)";
    }
  }

  static std::vector<std::string> arguments(const std::string& store,
                                            const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {
        "run", "sweep.json",         "--store", store, "--out", store + "-out", "--device",
        "cpu", "--checkpoint-every", "0.2"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  fs::path folder_of(const std::string& store, const std::string& stage) {
    for (const auto& entry : fs::directory_iterator(folder_ / store / stage)) {
      if (fs::exists(entry.path() / "manifest.json")) return entry.path();
    }
    throw std::runtime_error(store + " has no finished " + stage);
  }

  TensorMap weights(const std::string& store, const std::string& stage) {
    return read_tensors(folder_of(store, stage) / "weights.safetensors");
  }

  json record(const std::string& store, const std::string& stage) {
    std::ifstream in(folder_of(store, stage) / "manifest.json");
    return json::parse(in).at("record");
  }

  /// |a - b| over |b|, all weights of a stage together.
  double difference(const std::string& a, const std::string& b, const std::string& stage) {
    const TensorMap found = weights(a, stage), expected = weights(b, stage);
    double size = 0, difference = 0;
    for (const auto& [name, tensor] : expected) {
      size += tensor.square().sum(torch::kFloat64).item<double>();
      difference += (found.at(name) - tensor).square().sum(torch::kFloat64).item<double>();
    }
    return std::sqrt(difference / size);
  }

  /// The two ranks of a job, once they have trained on and written a checkpoint.
  std::vector<pid_t> ranks_in_training(const std::string& store) {
    const auto checkpoint = [&] {
      std::error_code ignored;
      for (fs::recursive_directory_iterator i(folder_ / store / "any_order", ignored), end;
           i != end; i.increment(ignored)) {
        if (i->path().filename() == "checkpoint.safetensors") {
          return fs::last_write_time(i->path(), ignored);
        }
      }
      return fs::file_time_type::min();
    };
    const auto before = checkpoint();
    for (int i = 0; i < 600 && (processes_of_ranks().size() < 2 || checkpoint() == before); ++i) {
      ::usleep(50000);
    }
    return processes_of_ranks();
  }

  /// Those that train, not those that guard them: their parents are ranks too.
  std::vector<pid_t> processes_of_ranks() {
    std::map<pid_t, pid_t> parent_of;
    for (const auto& process : fs::directory_iterator("/proc")) {
      std::ifstream in(process.path() / "environ", std::ios::binary);
      bool is_rank = false, is_ours = false;
      for (std::string word; std::getline(in, word, '\0');) {
        is_rank = is_rank || word.starts_with("OMPI_COMM_WORLD_RANK=");
        is_ours = is_ours || word == "OAR_TEST_FOLDER=" + folder_.string();
      }
      if (!is_rank || !is_ours) continue;
      std::ifstream status(process.path() / "status");
      for (std::string word; status >> word;) {
        if (word == "PPid:") status >> parent_of[std::stoi(process.path().filename())];
      }
    }
    std::vector<pid_t> ranks;
    for (const auto& [process, parent] : parent_of) {
      if (parent_of.contains(parent)) ranks.push_back(process);
    }
    return ranks;
  }

  pid_t start_ranks(const std::vector<std::string>& arguments) {
    environment_["OAR_TEST_FOLDER"] = folder_.string();
    return start(arguments);
  }
};

TEST_F(DataParallelRun, TrainsTheWeightsOfOneProcessUnderTheSameKey) {
  const Outcome alone = run(arguments("alone"));
  ASSERT_EQ(alone.code, 0) << alone.text;
  const Outcome two = run(arguments("two", {"--ranks", "2"}));
  ASSERT_EQ(two.code, 0) << two.text;
  EXPECT_EQ(folder_of("alone", "any_order").filename(), folder_of("two", "any_order").filename());
  EXPECT_EQ(record("two", "any_order").at("ranks"), 2);
  EXPECT_LE(difference("two", "alone", "any_order"), 1e-6);
  EXPECT_FALSE(record("alone", "any_order").contains("ranks"));
  // The second training starts from the weights and orders of the first: compare with its own.
  EXPECT_EQ(record("two", "specialist").at("ranks"), 2);
  EXPECT_LE(difference("two", "alone", "specialist"), 1e-5);
}

TEST_F(DataParallelRun, TrainsOnAfterARankIsKilledWithTheSameBits) {
  const std::vector<std::string> more = {"--ranks", "2", "--set", "train.images_seen=9600"};
  ASSERT_EQ(finish(start(arguments("calm", more))).code, 0);
  for (const size_t victim : {size_t{1}, size_t{0}}) {
    const pid_t job = start_ranks(arguments("killed", more));
    const std::vector<pid_t> ranks = ranks_in_training("killed");
    ASSERT_EQ(ranks.size(), 2u);
    ::kill(ranks[victim], SIGKILL);
    const Outcome ended = finish(job);
    EXPECT_EQ(ended.code, 75) << ended.text;
    EXPECT_THAT(ended.text, HasSubstr("the same command again continues"));
  }
  const Outcome last = run(arguments("killed", more));
  ASSERT_EQ(last.code, 0) << last.text;
  const TensorMap calm = weights("calm", "any_order");
  for (const auto& [name, tensor] : weights("killed", "any_order")) {
    EXPECT_TRUE(tensor.equal(calm.at(name))) << name;  // the same number of ranks: the same bits
  }
}

TEST_F(DataParallelRun, TrainsUntilASignalToOneRankThenStopsWith75AndContinues) {
  const std::vector<std::string> more = {"--ranks", "2", "--set", "train.images_seen=320000"};
  const pid_t job = start_ranks(arguments("store", more));
  const std::vector<pid_t> ranks = ranks_in_training("store");
  ASSERT_EQ(ranks.size(), 2u);
  ::kill(ranks[1], SIGTERM);
  const Outcome one = finish(job);
  EXPECT_EQ(one.code, 75) << one.text;
  EXPECT_THAT(one.text, HasSubstr("interrupted; the same command again continues"));

  const pid_t again = start_ranks(arguments("store", more));
  for (int i = 0; i < 600 && processes_of_ranks().size() < 2; ++i) ::usleep(100000);
  ::kill(again, SIGTERM);  // the process that the user started
  const Outcome all = finish(again);
  EXPECT_EQ(all.code, 75) << all.text;
}

TEST_F(DataParallelRun, TrainsNoFurtherUnderBareMpirunWhenARankIsKilled) {
  environment_ = {{"OAR_TEST_FOLDER", folder_.string()},
                  {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                  {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}};
  std::vector<std::string> words = {
      "mpirun", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n",
      "2",      OAR_BENCH_PROGRAM};
  for (const std::string& word : arguments("store", {"--set", "train.images_seen=320000"})) {
    words.push_back(word);
  }
  const pid_t job = start_command(words);
  const std::vector<pid_t> ranks = ranks_in_training("store");
  ASSERT_EQ(ranks.size(), 2u);
  ::kill(ranks[1], SIGKILL);
  const Outcome ended = finish(job);
  EXPECT_EQ(ended.code, 75) << ended.text;
}

TEST_F(DataParallelRun, IsRefusedBesideWorkers) {
  EXPECT_EQ(run(arguments("store", {"--ranks", "2", "-j", "2"})).code, 2);
}

}  // namespace
}  // namespace oar
