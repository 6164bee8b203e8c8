#pragma once

#include <torch/types.h>

#include "metrics/moments.h"

namespace oar {

/// Fréchet distance between two Gaussians: |μ1 − μ2|² + tr Σ1 + tr Σ2 − 2 tr √(Σ1 Σ2). Lower is
/// better; 0 for equal moments up to rounding, which may leave it below zero by about 1e-7 of the
/// traces.
///
/// Σ1 Σ2 is not symmetric, but it has the eigenvalues of Σ1^½ Σ2 Σ1^½, which is: those are taken,
/// clipped at 0, in float64. No sqrtm, no imaginary part, and singular covariances need no ε.
///
/// Errors  std::invalid_argument for different numbers of features, fewer than two images, NaN or
///         Inf.
/// Source  arXiv 1706.08500, equation 6.
double fid(const Moments& a, const Moments& b);

/// The same number from the features themselves. With fewer images than features on both sides tr
/// √(Σ1 Σ2) is the sum of the singular values of the N1 × N2 product of centred features, a
/// fraction of the cost and free of the covariances' rounding.
///
/// Shapes  features_a [N1, F], features_b [N2, F], any floating type.
double fid(const torch::Tensor& features_a, const torch::Tensor& features_b);

}  // namespace oar
