#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "harness/store/checkpoint.h"

namespace oar {

/// What a stage has cost, over all of its attempts.
///
/// Units  seconds, of wall time and of all threads' processor time; bytes of resident memory.
struct StageCost {
  double seconds = 0;
  double cpu_seconds = 0;
  int64_t peak_memory = 0;  ///< the highest that any attempt had; 0: the system does not tell
  int64_t attempts = 0;     ///< 1 for a stage that was never interrupted
};

nlohmann::json to_json(const StageCost& cost);

/// Measures one attempt at a stage, and adds those before it. They are kept in
/// scratch/attempts.json, saved every few seconds, so that a killed attempt counts almost whole.
class CostMeter {
 public:
  explicit CostMeter(std::filesystem::path file);
  CostMeter() : CostMeter(std::filesystem::path()) {}  ///< saves nothing

  StageCost cost() const;

  /// Errors  std::system_error if the file cannot be written.
  void save();
  void save_if_due() {
    if (due_.due()) save();
  }

 private:
  std::filesystem::path file_;
  StageCost earlier_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_start_ = 0;
  CheckpointClock due_{5.0};
};

}  // namespace oar
