#include "reports/interval.h"

#include <fmt/format.h>

#include <stdexcept>

#include "reports/comparison/statistics.h"

namespace oar::report {

double student_quantile(double confidence, int64_t degrees) {
  if (degrees < 1 || !(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument(
        fmt::format("Student's t needs degrees >= 1 and 0 < confidence < 1, got {} and {}", degrees,
                    confidence));
  }
  double low = 0, high = 1;
  const double tail = (1 - confidence) / 2;
  while (student_upper_tail(high, degrees) > tail && high < 1e15) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_upper_tail(middle, degrees) > tail ? low : high) = middle;
  }
  return high;
}

}  // namespace oar::report
