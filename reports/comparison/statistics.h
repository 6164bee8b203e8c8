#pragma once

#include <cstdint>
#include <vector>

namespace oar {

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// P(T ≥ t) of Student's T, with small tails to full relative precision.
///
/// Errors  std::invalid_argument unless degrees ≥ 1.
/// Source  Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1 and 26.5.8.
double student_upper_tail(double t, int64_t degrees);

/// The paired t-test: are these differences of pairs drawn around 0?
///
/// It takes the differences for draws of one normal distribution, which a handful of seeds cannot
/// tell. Without any change they are at least symmetric, as both numbers of a pair are drawn alike,
/// and then noise that is uniform, skewed or heavy-tailed leaves its false alarms at the level or
/// below (tests/reports/comparison). A test that assumes symmetry alone has no p below 2^(1-n): see
/// smallest_assumption_free_p.
struct PairedTest {
  int64_t n = 0;
  double mean = 0.0;            ///< of the differences
  double stddev = 0.0;          ///< sample standard deviation (n - 1)
  double standard_error = 0.0;  ///< of the mean
  double above = 1.0;  ///< one-sided p of "the true mean is above 0": small where it is above
  double below = 1.0;  ///< of "the true mean is below 0"

  /// Two-sided p of "the true mean is not 0".
  double two_sided() const;
};

/// Differences that are all equal have no spread: p is 0 on the side of the mean, and 1 on both
/// where they are all 0.
///
/// Errors  std::invalid_argument with fewer than two differences.
PairedTest paired_t_test(const std::vector<double>& differences);

/// 2^(1-n): the smallest two-sided p of a sign or signed-rank test of n pairs.
double smallest_assumption_free_p(int64_t n);

/// Holm's correction: p values that, each compared with a level, are all together wrong with at
/// most that probability. In the order of `p`; none above 1.
///
/// Source  Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6,
///         1979.
std::vector<double> holm(const std::vector<double>& p);

/// Power of the two-sided paired t-test of n pairs at `level`, where the true mean of the
/// differences is `effect` of their standard deviations; by the noncentral t distribution, to
/// about 0.001.
///
/// Errors  std::invalid_argument unless n ≥ 2 and 0 < level < 1.
double paired_t_power(double effect, int64_t n, double level);

/// The effect that such a test finds with probability `power`, in standard deviations of the
/// differences.
double smallest_effect(int64_t n, double level, double power);

}  // namespace oar
