// The codebook: continuous patch vectors to codes and back.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/pimpl.h>

namespace oar {

/// A codebook of V vectors and the search for the nearest one.
///
/// Shapes  vectors float [M, embed_dim]; codes int64, values 0 .. V-1.
/// Source  taming-transformers, quantize.py, VectorQuantizer2 (its `quantize.embedding.weight`);
///         normalised: LlamaGen, vq_model.py, VectorQuantizer.
class QuantizerImpl : public torch::nn::Module {
 public:
  /// With `normalised`, vectors and codebook count as what they are at length 1.
  QuantizerImpl(int64_t codebook_size, int64_t embed_dim, bool normalised = false);

  /// The code of each vector: nearest by Euclidean distance, ties to the lowest code. int64 [M].
  ///
  /// |z - e|^2 = |z|^2 - 2 z.e + |e|^2, and |z|^2 does not decide: one matrix product, no [M, V,
  /// embed_dim] tensor.
  torch::Tensor nearest(const torch::Tensor& vectors) const;

  /// The codebook's vectors: codes [...] -> float [..., embed_dim]. Its gradient reaches the
  /// codebook.
  torch::Tensor look_up(const torch::Tensor& codes) const;

  /// The parameter: float [V, embed_dim].
  torch::Tensor codebook() const { return embedding_->weight; }

 private:
  /// What vectors are compared with, float [V, embed_dim].
  torch::Tensor rows() const;

  bool normalised_;
  torch::nn::Embedding embedding_;
};
TORCH_MODULE(Quantizer);

/// `vectors` at length 1 along `dim`, as torch.nn.functional.normalize.
torch::Tensor at_length_one(const torch::Tensor& vectors, int64_t dim);

/// The values of `quantised` with the gradient of `z`: what lets the encoder learn through a
/// discrete choice.
torch::Tensor straight_through(const torch::Tensor& z, const torch::Tensor& quantised);

/// `num_means` centres of `vectors` by Lloyd's iterations from random picks; empty clusters are
/// picked anew.
///
/// Shapes  vectors float [M, D], M >= 1 -> float [num_means, D]. Draws come from `generator` (CPU)
/// alone.
torch::Tensor k_means(const torch::Tensor& vectors, int64_t num_means, int64_t iterations,
                      torch::Generator generator);

/// `count` rows of `vectors` drawn at random, without repetition while there are enough.
torch::Tensor random_rows(const torch::Tensor& vectors, int64_t count, torch::Generator generator);

}  // namespace oar
