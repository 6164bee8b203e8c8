#include "models/distributed/launcher.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace oar {
namespace {

/// The number in a variable; 0 where there is none.
int number(const ReadVariable& variable, const char* name) {
  const char* const text = variable(name);
  int value = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
  return value;
}

}  // namespace

std::optional<Launched> launched_with(const ReadVariable& variable) {
  const struct {
    const char *size, *rank, *local_rank, *by;
    bool has_mpi;
  } kLaunchers[] = {
      {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "mpirun",
       true},
      {"PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", "mpirun", true},
      // Set in the steps of srun alone; SLURM_NTASKS stands in the script of sbatch too.
      {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID", "srun", true},
      {"WORLD_SIZE", "RANK", "LOCAL_RANK", "torchrun", false},
  };
  for (const auto& launcher : kLaunchers) {
    const int size = number(variable, launcher.size);
    if (size <= 1 || variable(launcher.rank) == nullptr) continue;
    return Launched{size, number(variable, launcher.local_rank), launcher.by, launcher.has_mpi};
  }
  return std::nullopt;
}

int local_rank() {
  const auto launched = launched_with([](const char* name) { return std::getenv(name); });
  return launched ? launched->local_rank : 0;
}

}  // namespace oar
