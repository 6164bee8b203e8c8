#pragma once

#include <cstdint>

#include "metrics/feature_rows.h"

namespace oar {

/// Over the subsets of one pair of image sets; the deviation is the population's (divided by the
/// number of subsets).
struct Kid {
  double mean = 0;
  double stddev = 0;
};

/// Unbiased squared maximum mean discrepancy under the kernel (x·y/F + 1)³, averaged over random
/// subsets. Lower is better; its expectation is 0 for equal distributions, so single values may be
/// negative.
///
/// One RandomState(seed) draws for each subset first `subset_size` generated, then as many real
/// images, without replacement, as torch-fidelity does when the generated images are its first
/// input. Everything in float64, about a thousand rows of either side at a time.
///
/// Shapes  real [N1, F], generated [N2, F].
/// Errors  std::invalid_argument if subset_size exceeds either set or is below 2, for a seed
/// outside
///         uint32, different F, NaN or Inf.
/// Source  "Demystifying MMD GANs" (arXiv 1801.01401), section 4.
Kid kid(const FeatureRows& real, const FeatureRows& generated, int64_t subsets = 100,
        int64_t subset_size = 1000, int64_t seed = 2020);

}  // namespace oar
