#pragma once

#include <torch/types.h>

#include <cstdint>

#include "metrics/feature_rows.h"
#include "metrics/moments.h"

namespace oar {

/// One side of a Fréchet distance, made ready for many: mean, trace of the covariance, and a factor
/// X of it, Σ = Xᵀ X. Made once for a reference that many sets of images are compared with.
///
/// From no more images than features, X is the images themselves: N − 1 orthonormal contrasts of
/// the rows (Helmert's, which cancel the mean exactly), so the covariance is never formed. From
/// moments, X is the Cholesky factor; where the covariance is singular up to rounding, √λ vᵀ of its
/// eigenvalues, those below F·ε of the largest left out. Features that never vary cost nothing.
///
/// Errors  std::invalid_argument for one image, NaN or Inf, or a matrix that is no covariance (not
///         symmetric, a negative variance). A count of 0, unknown, is accepted.
class FidReference {
 public:
  explicit FidReference(const Moments& moments);

  /// features [N, F], N >= 2.
  explicit FidReference(const FeatureRows& features);

  const torch::Tensor& mean() const { return mean_; }
  double trace() const { return trace_; }
  const torch::Tensor& factor() const { return factor_; }

  /// Whether `factor` is zero below its diagonal, so that products of two factors cost a third.
  bool upper_triangular() const { return upper_triangular_; }

 private:
  torch::Tensor mean_;    // float64 [F]
  torch::Tensor factor_;  // float64 [rank or more, F]
  double trace_ = 0;
  bool upper_triangular_ = false;
};

/// Fréchet distance between two Gaussians: |μ1 − μ2|² + tr Σ1 + tr Σ2 − 2 tr √(Σ1 Σ2). Lower is
/// better; 0 for equal moments up to rounding, which may leave it below zero by about 1e-12 of the
/// traces (1e-8 from a singular covariance in double precision, whose own rounding is that large).
///
/// With Σ1 = Xᵀ X and Σ2 = Yᵀ Y, tr √(Σ1 Σ2) is the sum of the singular values of X Yᵀ: no sqrtm,
/// no imaginary part, no ε, any rank. They are square roots of the eigenvalues of the smaller of
/// P Pᵀ and Pᵀ P where an estimate of the rounding of these is below 1e-8 of the traces, else they
/// are computed directly, whose error is linear in ε.
///
/// Errors  std::invalid_argument for different numbers of features, and as FidReference.
/// Source  arXiv 1706.08500, equation 6.
double fid(const FidReference& a, const FidReference& b);

/// The same number from moments, of which some may come from statistics files.
double fid(const Moments& a, const Moments& b);

/// The same number from the features, [N1, F] and [N2, F]; each side takes the cheaper factor.
double fid(const FeatureRows& features_a, const FeatureRows& features_b);

}  // namespace oar
