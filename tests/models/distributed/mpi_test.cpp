// Real processes under mpirun. Skipped by name where Open MPI is not installed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>

#include "models/weights/safetensors.h"
#include "models/weights/tensor_file.h"
#include "tests/models/any_order/trained_with_everything.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string text;
};

/// A command of the shell: its exit code and all that it printed.
Outcome shell(const std::string& command) {
  Outcome outcome;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.text.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

const std::string kProgram = RANKS_PROGRAM;

class Mpi : public ::testing::Test {
 protected:
  void SetUp() override {
    if (shell("mpirun --version").code != 0) GTEST_SKIP() << "mpirun is not installed (make test)";
    if (!fs::exists(fs::path(kProgram).parent_path() / "liboar_mpi.so")) {
      GTEST_SKIP() << "built without MPI (Debian: libopenmpi-dev)";
    }
  }

  /// More ranks than processors share them: none may spin while it waits.
  static Outcome mpirun(int ranks, const std::string& what) {
    return shell(
        "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 60 mpirun "
        "--oversubscribe --mca mpi_yield_when_idle 1 -n " +
        std::to_string(ranks) + " " + kProgram + " " + what);
  }
};

TEST_F(Mpi, SumsBroadcastsAndAnnouncesWithTheSameBitsOnEveryRank) {
  const Outcome outcome = mpirun(3, "compute");
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  std::string bits;
  for (int rank = 0; rank < 3; ++rank) {
    const std::regex line("rank " + std::to_string(rank) +
                          " of 3: sum 6 1.5 6 broadcast 10 announce 40 bits ([0-9a-f ]+)");
    std::smatch found;
    ASSERT_TRUE(std::regex_search(outcome.text, found, line)) << outcome.text;
    if (rank == 0) bits = found[1];
    EXPECT_EQ(found[1], bits);
  }
}

TEST_F(Mpi, WaitsForTheFirstRankWithoutAProcessor) {
  const Outcome outcome = mpirun(2, "wait");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(outcome.text, found, std::regex("waited with ([0-9.]+) s")))
      << outcome.text;
  EXPECT_LT(std::stod(found[1]), 1.0);  // of two seconds: one that spins uses them all
}

TEST_F(Mpi, TrainsOnTwoProcessesTheWeightsOfOneWithTheWholeBatch) {
  const fs::path file =
      fs::temp_directory_path() / ("oar-ranks-" + std::to_string(::getpid()) + ".safetensors");
  const Outcome outcome = mpirun(2, "train " + file.string());
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  const TensorMap found = read_tensors(file);
  fs::remove(file);
  AnyOrderTrainer alone = new_trainer(0.1);
  for (int64_t step = 0; step < kSteps; ++step) alone.step(batch_of(step, 10));
  double size = 0, difference = 0;
  for (const auto& [name, tensor] : alone.state()) {
    if (!name.starts_with("model.")) continue;
    size += tensor.square().sum(torch::kFloat64).item<double>();
    difference += (found.at(name) - tensor).square().sum(torch::kFloat64).item<double>();
  }
  EXPECT_LE(std::sqrt(difference), 1e-6 * std::sqrt(size));
}

TEST_F(Mpi, TrainsNoFurtherWhenARankIsKilled) {
  for (const char* victim : {"0", "1"}) {
    const Outcome outcome = mpirun(2, std::string("die ") + victim);
    EXPECT_EQ(outcome.code, 137) << outcome.text;  // mpirun's own: 128 + SIGKILL
    EXPECT_THAT(outcome.text, HasSubstr("a process of this training has ended"));
  }
}

TEST_F(Mpi, ARankThatAbortsEndsAllWithItsCode) { EXPECT_EQ(mpirun(2, "abort 65").code, 65); }

TEST_F(Mpi, ARankThatLeavesEarlyEndsAllWithItsCode) { EXPECT_EQ(mpirun(3, "fail 74").code, 74); }

TEST_F(Mpi, AProgramThatWasStartedAloneNeedsNoMpi) {
  EXPECT_THAT(shell(kProgram + " compute").text, HasSubstr("alone"));
}

TEST_F(Mpi, SaysWhatToDoWhereTheLauncherAndMpiDisagree) {
  const Outcome slurm = shell("SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 " + kProgram + " compute");
  EXPECT_EQ(slurm.code, 2);
  EXPECT_THAT(slurm.text, HasSubstr("srun started 2 processes, and MPI knows of 1"));
  const Outcome torchrun = shell("WORLD_SIZE=2 RANK=0 " + kProgram + " compute");
  EXPECT_EQ(torchrun.code, 2);
  EXPECT_THAT(torchrun.text, HasSubstr("use mpirun -n 2"));
}

}  // namespace
}  // namespace oar
