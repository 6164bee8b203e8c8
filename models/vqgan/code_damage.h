// Coarser codes on purpose: how much does what follows depend on the tokenizer?
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// What is done to the codes of a data set before anything is trained on them.
struct CodeDamage {
  int64_t merge_codes = 0;  ///< at most so many different codes are left; 0: all
  double code_noise = 0.0;  ///< share of the patches whose code is drawn anew, from all codes alike
  int64_t seed = 0;

  bool any() const { return merge_codes > 0 || code_noise > 0; }
};

/// Which code stands for each code once `kept` of them are left: the vectors of `sample`, codes as
/// often as they occur, fall into `kept` clusters (k-means), the code nearest to a centre stands
/// for it, and every code goes to the nearest of those.
///
/// Shapes  codebook float [V, embed_dim]; sample int64 [n], n >= 1 -> int64 [V], in which each code
///         that stands for others stands for itself.
torch::Tensor merged_codes(const torch::Tensor& codebook, const torch::Tensor& sample, int64_t kept,
                           int64_t seed);

/// Codes of which the given share is drawn anew. What becomes of a patch is a function of the seed,
/// the number of its image and its position alone.
///
/// Shapes  int64 [images, N] in and out.
torch::Tensor noisy_codes(const torch::Tensor& codes, int64_t codebook_size, double share,
                          int64_t seed);

}  // namespace oar
