#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace oar {

class Communicator;

/// What the stages of a run share. None of it is part of an artifact's identity.
struct Environment {
  torch::Device device = torch::kCPU;
  int64_t memory_bytes = int64_t{2} << 30;  ///< what a search may allocate; changes no result
  std::shared_ptr<Communicator> ranks;      ///< processes that train together; null: this one alone
};

/// A training whose loss or gradient is no longer a finite number. Its cell is recorded as
/// `diverged`; the rest of the sweep goes on.
struct Diverged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace oar
