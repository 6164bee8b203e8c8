#include "reports/interval.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace oar::report {
namespace {

// P(|T| <= t), by the finite sums for whole degrees of freedom.
double student_within(double t, int64_t degrees) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1.0, sum = 0;
  for (int64_t i = odd ? 1 : 0; i <= degrees - 2; i += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(i + 1) / static_cast<double>(i + 2);
  }
  return odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;
}

}  // namespace

double student_quantile(double confidence, int64_t degrees) {
  if (degrees < 1 || !(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument(
        fmt::format("Student's t needs degrees >= 1 and 0 < confidence < 1, got {} and {}", degrees,
                    confidence));
  }
  double low = 0, high = 1;
  while (student_within(high, degrees) < confidence && high < 1e15) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_within(middle, degrees) < confidence ? low : high) = middle;
  }
  return high;
}

}  // namespace oar::report
