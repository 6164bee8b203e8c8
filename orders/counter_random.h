#pragma once

#include <cstdint>
#include <initializer_list>

namespace oar {

/// What a random number is for. Two streams never share a number, whatever the other counters are.
enum class Stream : uint64_t {
  kTrainingOrder = 1,
  kTrainingBatch = 2,
  kTrainingStep = 3,
  kConditionDropout = 4,
  kInitialisation = 5,
  kGenerationOrder = 6,
  kGenerationCode = 7,
  kGenerationLabel = 8,
  kOrderMixture = 9,
  kFixedOrder = 10,
  kOrderNoise = 11,
  kAnnealing = 12,
};

/// 64 random bits that depend on nothing but their counters: (seed, stream, image, step, ...).
///
/// There is no state to carry along, so any chunking of a batch, thread count or resume point
/// draws the same numbers. Each counter is absorbed by a round of splitmix64's finaliser.
inline uint64_t random_bits(uint64_t seed, Stream stream,
                            std::initializer_list<uint64_t> counters) {
  const auto mix = [](uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  };
  uint64_t state = mix(seed + 0x9e3779b97f4a7c15ULL);
  state = mix(state + 0x9e3779b97f4a7c15ULL * (static_cast<uint64_t>(stream) + 1));
  for (const uint64_t counter : counters)
    state = mix(state + 0x9e3779b97f4a7c15ULL * (counter + 1));
  return state;
}

/// Uniform in [0, 1) with 53 random bits; see random_bits().
inline double random_uniform(uint64_t seed, Stream stream,
                             std::initializer_list<uint64_t> counters) {
  return static_cast<double>(random_bits(seed, stream, counters) >> 11) * 0x1.0p-53;
}

/// Uniform integer in [0, bound); the bias of at most bound / 2^64 is below any measurement.
inline uint64_t random_below(uint64_t bound, uint64_t seed, Stream stream,
                             std::initializer_list<uint64_t> counters) {
  const auto wide = static_cast<unsigned __int128>(random_bits(seed, stream, counters)) * bound;
  return static_cast<uint64_t>(wide >> 64);
}

}  // namespace oar
