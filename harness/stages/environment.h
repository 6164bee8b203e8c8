#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

namespace oar {

class Communicator;

/// What the stages of a run share. None of it is part of an artifact's identity.
struct Environment {
  torch::Device device = torch::kCPU;
  int64_t memory_bytes = int64_t{2} << 30;  ///< what a search may allocate; changes no result
  std::shared_ptr<Communicator> ranks;      ///< processes that train together; null: this one alone
};

}  // namespace oar
