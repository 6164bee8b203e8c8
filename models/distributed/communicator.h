#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/distributed/rank_lost.h"

namespace oar {

/// The processes that train one model together, each on its share of every batch. Every member
/// calls the same functions in the same order; a call returns once the others have made it too.
///
/// Sums come out with the same bits on every rank, and the same again for the same inputs.
///
/// Errors  RankLost from each call if another process has died or does not answer.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;  ///< 0 .. size - 1; 0 leads: it alone writes and decides
  virtual int size() const = 0;

  /// Replaces each tensor by its sum over all processes: float32 or float64, on one device.
  virtual void sum(const std::vector<torch::Tensor>& tensors) = 0;

  /// Replaces each tensor by that of rank 0.
  virtual void broadcast(const std::vector<torch::Tensor>& tensors) = 0;

  /// The value of rank 0, on every rank. Waits without using the processor, for as long as it
  /// takes.
  virtual int64_t announce(int64_t value) = 0;

  /// Ends the processes of all ranks with this exit code.
  [[noreturn]] virtual void abort(int code) = 0;
};

/// The processes that mpirun or srun started with this one; null where it was started alone. Call
/// it once, early, from the main thread.
///
/// Errors  std::invalid_argument, saying what to install or how to start the program, where the
///         environment says that it is one of several and MPI is missing or knows of none.
std::shared_ptr<Communicator> open_communicator();

}  // namespace oar
