#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/doctor/finding.h"

namespace oar {

/// What the system says of its processors and memory, and what was set for this process.
///
/// Units  bytes.
struct MachineFacts {
  std::string processor;
  std::vector<std::string> instruction_sets;  ///< as machine_record() names them
  int64_t cores = 0;                          ///< 0: not known
  int64_t processors = 1;                     ///< that this process may run on
  double processor_limit = 0;                 ///< of its control group; 0: none
  int64_t threads = 1;                        ///< that computations use
  double load = 0;                            ///< processes that wanted to run in the last minute
  std::string omp_num_threads, omp_wait_policy;  ///< environment; empty: not set
  int64_t memory = 0, free_memory = 0;           ///< 0: not known; free: without swapping
};

/// Of this machine and process. `threads`: see at::get_num_threads().
MachineFacts machine_facts(const nlohmann::json& machine_record, int64_t threads);

/// processor, threads, OpenMP's waiting, instruction sets, memory.
std::vector<Finding> check_machine(const MachineFacts& facts);

/// What the graphics driver and libtorch say of GPUs.
struct GpuFacts {
  std::string driver;              ///< its version; empty: none is loaded
  bool libtorch_has_cuda = false;  ///< it was built with CUDA, and its libraries are here
  std::vector<std::string> names;  ///< of GPUs that libtorch sees
};

/// The driver as /proc/driver/nvidia/version tells it.
std::string nvidia_driver();

std::vector<Finding> check_gpus(const GpuFacts& facts);

}  // namespace oar
