// How well a tokenizer keeps images.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// Peak signal-to-noise ratio of each image, over all its pixels and channels.
///
/// Shapes  uint8 [B, C, height, width] twice -> float64 [B].
/// Units   dB, 10 log10(255^2 / mean squared difference); infinite where the two are equal.
/// Errors  std::invalid_argument if shapes differ, a tensor is not uint8, or there are no pixels.
torch::Tensor psnr(const torch::Tensor& images, const torch::Tensor& reconstruction);

/// How much of a codebook the codes of a data set use.
struct CodebookUsage {
  int64_t used = 0;         ///< codes that occur
  int64_t dead = 0;         ///< codes that never occur
  double share_used = 0.0;  ///< used / V
  double perplexity =
      0.0;  ///< exp of the entropy of the codes' frequencies: V if all are equally frequent
};

/// Errors  std::invalid_argument if there are no codes or one lies outside 0 .. codebook_size - 1.
CodebookUsage codebook_usage(const torch::Tensor& codes, int64_t codebook_size);

}  // namespace oar
