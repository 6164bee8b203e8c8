#pragma once

#include <cstdint>

#include "metrics/feature_rows.h"

namespace oar {

/// All are shares, but density, which may exceed 1. Higher is better.
struct ManifoldScores {
  double precision = 0;  ///< share of generated images inside the real manifold: realism
  double recall = 0;     ///< share of real images inside the generated manifold: variety
  double density = 0;    ///< real balls around a generated image, on average, divided by their k
  double coverage = 0;   ///< share of real images with a generated one inside their ball
};

/// Precision, recall, density and coverage of one pair of image sets.
///
/// A set's manifold is the union of balls around its images; a ball reaches to the k-th nearest
/// other image of the same set. Precision and recall take k = `prc_neighborhood` and count a point
/// on the sphere as inside; density and coverage take k = `nearest_k` around the real images, and
/// do not count it. An exact copy is at distance 0 and is a neighbour like any other.
///
/// The result is that of the squared distances Σ (x − y)² in float64, whatever the block size or
/// the number of threads. Most pairs are settled by a float32 matrix product with a proven error
/// bound; those too near a sphere for it are computed directly. Memory: blocks of 2048 rows, never
/// N × N.
///
/// Shapes  real [N1, F], generated [N2, F].
/// Errors  std::invalid_argument for k < 1 or k >= the images of a set, different F, NaN or Inf.
/// Source  Kynkäänniemi et al. (arXiv 1904.06991), section 2; Naeem et al. (arXiv 2002.09797),
///         section 3.
ManifoldScores manifold_metrics(const FeatureRows& real, const FeatureRows& generated,
                                int64_t prc_neighborhood = 3, int64_t nearest_k = 5);

}  // namespace oar
