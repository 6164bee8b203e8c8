#pragma once

#include <chrono>

namespace oar {

/// Says when the next checkpoint is due, so that a stage loses no more than this much work.
///
/// Units  seconds of wall time.
class CheckpointClock {
 public:
  explicit CheckpointClock(double every = 20.0) : every_(every) {}

  /// True once `every` seconds have gone since the last time it was true, or since it was made.
  bool due() {
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - last_).count() < every_) return false;
    last_ = now;
    return true;
  }

 private:
  double every_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace oar
