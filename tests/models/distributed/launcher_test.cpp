#include "models/distributed/launcher.h"

#include <gtest/gtest.h>

#include <map>

namespace oar {
namespace {

std::optional<Launched> launched_in(const std::map<std::string, std::string>& environment) {
  return launched_with([&environment](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(Launcher, IsNobodyWhereTheProgramWasStartedAlone) {
  EXPECT_FALSE(launched_in({}));
  EXPECT_FALSE(launched_in({{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}));
  // The script of sbatch knows how many tasks its steps may have, and is none of them.
  EXPECT_FALSE(launched_in({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}));
  EXPECT_FALSE(launched_in({{"WORLD_SIZE", "4"}}));
  EXPECT_FALSE(launched_in({{"WORLD_SIZE", "many"}, {"RANK", "0"}}));
}

TEST(Launcher, IsKnownByItsVariables) {
  const auto mpirun = launched_in({{"OMPI_COMM_WORLD_SIZE", "4"},
                                   {"OMPI_COMM_WORLD_RANK", "3"},
                                   {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                   {"SLURM_STEP_NUM_TASKS", "2"},  // mpirun's own step
                                   {"SLURM_PROCID", "1"}});
  ASSERT_TRUE(mpirun);
  EXPECT_EQ(mpirun->by, "mpirun");
  EXPECT_EQ(mpirun->size, 4);
  EXPECT_EQ(mpirun->local_rank, 1);
  EXPECT_TRUE(mpirun->has_mpi);
  EXPECT_EQ(launched_in({{"PMI_SIZE", "2"}, {"PMI_RANK", "0"}})->by, "mpirun");
  EXPECT_EQ(launched_in({{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "0"}})->by, "srun");
  const auto torchrun = launched_in({{"WORLD_SIZE", "2"}, {"RANK", "0"}});
  EXPECT_EQ(torchrun->by, "torchrun");
  EXPECT_FALSE(torchrun->has_mpi);
}

}  // namespace
}  // namespace oar
