#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "metrics/feature_rows.h"

namespace oar {

/// Squared distances between images, bounded by one float32 matrix product and exact on request.
///
/// Rows are moved by the real images' mean and scaled by a power of two, so that no norm exceeds
/// one; all distances are in that unit. With z the float32 rows, h = |z|² / 2, u = 2^-24 and γ = F
/// u / (1 − F u), the product z_i · z_j is off by at most γ |z_i| |z_j| <= γ (h_i + h_j) in any
/// order of summation (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1),
/// rounding the rows adds 4u (h_i + h_j) to half the squared distance, and the two additions 5u: c
/// = 1.01 (γ
/// + 16u) leaves room.
class DistanceScreen {
 public:
  /// Rows begin .. begin + n - 1 of one side.
  struct Block {
    int64_t begin = 0;
    torch::Tensor rows;         ///< float32 or float64 [n, F], as read
    torch::Tensor centred;      ///< float32 [n, F]
    std::vector<float> offset;  ///< (1 − c) h
    std::vector<double> slack;  ///< 4 c h

    int64_t size() const { return rows.size(0); }
  };

  DistanceScreen(const FeatureRows& real, const FeatureRows& generated);

  Block block(const FeatureRows& features, int64_t begin, int64_t end) const;

  /// float32 [n, m], z_i · z_j. With closeness = product − (offset_i + offset_j), in float32, the
  /// squared distance lies in −2 closeness .. −2 closeness + slack_i + slack_j.
  static torch::Tensor products(const Block& x, const Block& y);

  /// Σ (x − y)² in float64 between two rows as read: exactly 0 for a copy, the same for either
  /// order.
  double squared_distance(const torch::Tensor& x, int64_t i, const torch::Tensor& y,
                          int64_t j) const;

 private:
  torch::Tensor mean_;  // float64 [F]
  double scale_ = 1;
  double bound_ = 0;  // c
};

}  // namespace oar
