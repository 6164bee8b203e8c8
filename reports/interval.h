#pragma once

#include <cstdint>

namespace oar::report {

/// The t with P(|T| ≤ t) = `confidence` for Student's T. The 95 % interval of a mean over n seeds
/// is mean ± student_quantile(0.95, n − 1) · s / √n: half of it is Spread::half_width.
///
/// Errors  std::invalid_argument unless degrees ≥ 1 and 0 < confidence < 1.
double student_quantile(double confidence, int64_t degrees);

}  // namespace oar::report
