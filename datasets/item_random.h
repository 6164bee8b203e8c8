#pragma once

#include <cstdint>

namespace oar {

/// Random numbers of one generated item: splitmix64 started from (seed, number). Nothing else
/// decides them, so an image is the same in every batch, on every thread and in every data set.
class ItemRandom {
 public:
  ItemRandom(int64_t seed, int64_t number)
      : state_(mix(mix(static_cast<uint64_t>(seed) + kStep) + static_cast<uint64_t>(number))) {}

  uint64_t bits() { return mix(state_ += kStep); }

  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1.0p-53;
  }

  /// Uniform in 0 .. bound - 1; the bias of at most bound / 2^64 is below any measurement.
  int64_t below(int64_t bound) {
    return static_cast<int64_t>(bits() % static_cast<uint64_t>(bound));
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15ULL;

  static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

  uint64_t state_;
};

}  // namespace oar
