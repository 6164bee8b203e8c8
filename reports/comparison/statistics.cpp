#include "reports/comparison/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "reports/interval.h"
#include "reports/text.h"

namespace oar {
namespace {

/// The continued fraction of the incomplete beta function by Lentz's method.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1.0;
  double d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  for (int m = 1; m <= 1000; ++m) {
    for (const bool odd : {false, true}) {
      const double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                              : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1.0 / away_from_zero(1.0 + term * d);
      c = away_from_zero(1.0 + term / c);
      fraction *= c * d;
    }
    if (std::abs(c * d - 1.0) < 1e-15) break;
  }
  return fraction;
}

/// I_x(a, b) with y = 1 - x, given apart as the difference would lose its digits.
double incomplete_beta(double a, double b, double x, double y) {
  if (x <= 0.0) return 0.0;
  if (y <= 0.0) return 1.0;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log(y));
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, y) / b;
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// Power of the two-sided paired t-test of n pairs as a function of the effect: T = (Z + shift) / Y
/// beyond ±critical, where Y = sqrt(chi-squared / degrees) is integrated out by the midpoint rule.
class PairedPower {
 public:
  PairedPower(int64_t n, double level) : n_(static_cast<double>(n)) {
    if (n < 2 || !(level > 0 && level < 1)) {
      throw std::invalid_argument(
          fmt::format("power needs n >= 2 and 0 < level < 1, got {} and {}", n, level));
    }
    const double critical = report::student_quantile(1.0 - level, n - 1);
    const double degrees = n_ - 1.0;
    const double constant =
        std::log(2.0) + 0.5 * degrees * std::log(0.5 * degrees) - std::lgamma(0.5 * degrees);
    const double width = (1.0 + 12.0 / std::sqrt(2.0 * degrees)) / kSteps;
    for (int i = 0; i < kSteps; ++i) {
      const double y = (i + 0.5) * width;
      nodes_[i] = critical * y;
      weights_[i] =
          width * std::exp(constant + (degrees - 1.0) * std::log(y) - 0.5 * degrees * y * y);
    }
  }

  double at(double effect) const {
    const double shift = std::abs(effect) * std::sqrt(n_);
    double power = 0.0;
    for (int i = 0; i < kSteps; ++i) {
      power += weights_[i] * (normal_cdf(shift - nodes_[i]) + normal_cdf(-shift - nodes_[i]));
    }
    return std::min(1.0, power);
  }

 private:
  static constexpr int kSteps = 1000;
  double n_;
  std::array<double, kSteps> nodes_;
  std::array<double, kSteps> weights_;
};

}  // namespace

double student_upper_tail(double t, int64_t degrees) {
  if (degrees < 1) {
    throw std::invalid_argument(fmt::format("Student's t needs degrees >= 1, got {}", degrees));
  }
  if (std::isinf(t)) return t > 0 ? 0.0 : 1.0;
  const auto nu = static_cast<double>(degrees);
  const double x = nu / (nu + t * t);
  const double y = t * t / (nu + t * t);
  const double tail = 0.5 * incomplete_beta(0.5 * nu, 0.5, x, y);
  return t > 0 ? tail : 1.0 - tail;
}

double PairedTest::two_sided() const { return std::min(1.0, 2.0 * std::min(above, below)); }

PairedTest paired_t_test(const std::vector<double>& differences) {
  if (differences.size() < 2) {
    throw std::invalid_argument(fmt::format(
        "a paired t-test needs two pairs or more, got {}; run more seeds", differences.size()));
  }
  const report::Spread spread = report::spread_of(differences);
  PairedTest test;
  test.n = spread.n;
  test.mean = spread.mean;
  // Equal differences leave rounding where there is no spread.
  constexpr double kRounding = 1e-12;
  test.stddev = spread.stddev > kRounding * std::abs(spread.mean) ? spread.stddev : 0.0;
  test.standard_error = test.stddev / std::sqrt(static_cast<double>(test.n));
  if (test.standard_error == 0.0) {
    test.above = test.mean > 0 ? 0.0 : 1.0;
    test.below = test.mean < 0 ? 0.0 : 1.0;
    return test;
  }
  const double t = test.mean / test.standard_error;
  test.above = student_upper_tail(t, test.n - 1);
  test.below = student_upper_tail(-t, test.n - 1);
  return test;
}

double smallest_assumption_free_p(int64_t n) {
  return std::min(1.0, std::ldexp(1.0, static_cast<int>(1 - n)));
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<size_t> rank(p.size());
  std::iota(rank.begin(), rank.end(), size_t{0});
  std::stable_sort(rank.begin(), rank.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double largest = 0.0;
  for (size_t i = 0; i < rank.size(); ++i) {
    largest = std::max(largest, static_cast<double>(rank.size() - i) * p[rank[i]]);
    adjusted[rank[i]] = std::min(1.0, largest);
  }
  return adjusted;
}

double paired_t_power(double effect, int64_t n, double level) {
  return PairedPower(n, level).at(effect);
}

double smallest_effect(int64_t n, double level, double power) {
  const PairedPower power_of(n, level);
  double low = 0.0;
  double high = 1.0;
  while (power_of.at(high) < power && high < 1e12) high *= 2.0;
  for (int i = 0; i < 20; ++i) {
    const double middle = 0.5 * (low + high);
    (power_of.at(middle) < power ? low : high) = middle;
  }
  return high;
}

}  // namespace oar
