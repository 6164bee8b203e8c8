#pragma once

#include <torch/types.h>

#include <cstdint>

#include "metrics/feature_rows.h"

namespace oar {

/// Mean and covariance of a set of features: all that FID needs to know about it, whatever its
/// size.
struct Moments {
  torch::Tensor mean;        ///< float64 [F]
  torch::Tensor covariance;  ///< float64 [F, F], divided by count - 1
  int64_t count = 0;         ///< images behind them; 0 where a statistics file does not say
};

/// The moments of features that come in pieces, in float64 and one pass.
///
/// Rows are taken in blocks of 1024, however they are cut into calls: the same rows give the same
/// bits. Sums run over the differences to the first block's mean, so that nothing is lost to the
/// mean itself. With s the distance of a feature's first block mean from its mean over all, the
/// relative error of its variance is that of a sum of N squares (tens of ε) times 1 + s² /
/// variance, which is at most N / 1024 as the first block is among the N rows.
///
/// Shapes  F features; a piece is [n, F], n >= 0, any floating type and device.
/// Errors  std::invalid_argument for NaN or Inf, rows of another length, fewer than two rows at the
///         end (a covariance divides by N - 1).
/// Source  "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), where FID is defined.
class MomentsAccumulator {
 public:
  void add(const torch::Tensor& rows);

  /// Rows so far.
  int64_t count() const { return taken_ + filled_; }

  /// The moments of all rows so far. The accumulator is empty again afterwards.
  Moments finish();

 private:
  void take_block();

  torch::Tensor block_;        // float64 [1024, F], the first `filled_` rows wait
  torch::Tensor shift_, sum_;  // float64 [F]; sums are over row - shift
  torch::Tensor products_;     // float64 [F, F], blocks on and above the diagonal
  int64_t filled_ = 0, taken_ = 0;
};

/// The moments of `features`, N >= 2.
Moments moments_of(const FeatureRows& features);

}  // namespace oar
