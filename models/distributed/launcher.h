#pragma once

#include <functional>
#include <optional>
#include <string>

namespace oar {

/// What the environment says of the processes that were started with this one.
struct Launched {
  int size = 1;
  int local_rank = 0;   ///< among those on this host: which GPU is this process's
  std::string by;       ///< "mpirun", "srun", "torchrun": for messages
  bool has_mpi = true;  ///< false where this launcher does not tell MPI who takes part
};

/// Reads a variable of the environment; null where it is not set.
using ReadVariable = std::function<const char*(const char* name)>;

/// Who else was started with this process; none where it was started alone. Open MPI, Hydra and
/// Slurm steps say so, and torchrun. A Slurm job without a step (sbatch's own script) is alone.
std::optional<Launched> launched_with(const ReadVariable& variable);

/// The place of this process among those of its host; 0 where it was started alone.
int local_rank();

}  // namespace oar
