#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace oar {

/// numpy.random.RandomState, as far as the reference implementations of IS and KID use it: the same
/// seed gives the same permutations, so the same splits and subsets are drawn.
///
/// Errors  std::invalid_argument where fewer items are there than are drawn.
/// Source  numpy's legacy generator: MT19937 seeded by init_genrand, Fisher-Yates from the end with
///         masked rejection.
class RandomState {
 public:
  explicit RandomState(uint32_t seed) : generator_(seed) {}

  /// permutation(n): 0 .. n-1, shuffled.
  std::vector<int64_t> permutation(int64_t n);

  /// choice(n, m, replace=False): m different numbers of 0 .. n-1. Costs (and draws) as much as
  /// permutation(n).
  std::vector<int64_t> choice_without_replacement(int64_t n, int64_t m);

 private:
  int64_t at_most(int64_t maximum);  // uniform in 0 .. maximum

  std::mt19937 generator_;
};

}  // namespace oar
