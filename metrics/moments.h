#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// Mean and covariance of a set of features: all that FID needs to know about it, whatever its
/// size.
struct Moments {
  torch::Tensor mean;        ///< float64 [F]
  torch::Tensor covariance;  ///< float64 [F, F], divided by count - 1
  int64_t count = 0;         ///< images behind them
};

/// The moments of `features`, in float64 and in two passes (mean, then centred products), a few
/// thousand rows at a time.
///
/// Shapes  features [N, F], N >= 2, any floating type.
/// Errors  std::invalid_argument for fewer than two images (a covariance divides by N - 1), NaN or
///         Inf.
/// Source  "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), where FID is defined.
Moments moments_of(const torch::Tensor& features);

}  // namespace oar
