#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "metrics/feature_extractor.h"

namespace oar {

/// Hands out the tensors of a weights file one by one and insists on their shapes.
///
/// Errors  BadExtractorWeights naming the tensor, what was found, what is needed and where such a
///         file comes from (`origin`).
class WeightReader {
 public:
  WeightReader(const ExtractorWeights& weights, std::string network, std::string origin);

  /// float32 on the CPU, of exactly this shape.
  torch::Tensor take(const std::string& name, at::IntArrayRef shape);

  /// Refuses tensors that nobody took: such a file holds another network. BatchNorm's
  /// `num_batches_tracked` may be there.
  void finish() const;

 private:
  const ExtractorWeights& weights_;
  std::string network_;
  std::string origin_;
  std::set<std::string> taken_;
};

/// A convolution and the batch normalisation after it as one convolution with a bias.
///
/// y = γ (w·x − μ) / √(σ² + ε) + β = (γ/√(σ² + ε) · w)·x + (β − γ μ/√(σ² + ε)); folded in float64,
/// kept in float32.
struct FoldedConv {
  torch::Tensor weight;  ///< float32 [out, in / groups, kernel_h, kernel_w], channels last
  torch::Tensor bias;    ///< float32 [out]
  int64_t stride = 1;
  std::array<int64_t, 2> padding{};  ///< rows, columns, the same on both sides
  int64_t groups = 1;

  torch::Tensor operator()(const torch::Tensor& x) const;
};

/// Reads `conv`.weight and `norm`.{weight, bias, running_mean, running_var}; stride, padding and
/// groups are the caller's.
FoldedConv read_folded_conv(WeightReader& reader, const std::string& conv, const std::string& norm,
                            at::IntArrayRef weight_shape, double epsilon, torch::Device device);

}  // namespace oar
