// What a VQ-GAN is trained to lower, term by term.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace oar {

/// The distance of two images in a feature network: 0 where they look the same to it.
///
/// At every stage each pixel's channels are scaled to length 1; squared differences are summed over
/// channels, averaged over pixels and images, then over stages. It lies between 0 and 4.
///
/// Shapes  one float [B, C_s, h_s, w_s] a stage, the same stages in both.
/// Source  LPIPS, Zhang et al., arXiv 1801.03924, without its learned channel weights.
torch::Tensor perceptual_distance(const std::vector<torch::Tensor>& real,
                                  const std::vector<torch::Tensor>& reconstructed);

/// How unlike images look, a number that is differentiable in `reconstructed`.
///
/// Shapes  float [B, 3, height, width], -1 .. 1, twice -> one float, the mean over the images.
using PerceptualLoss =
    std::function<torch::Tensor(const torch::Tensor& real, const torch::Tensor& reconstructed)>;

/// perceptual_distance() in the stages of a feature network for float [B, 3, height, width], pixels
/// 0 .. 255.
PerceptualLoss perceptual_loss_in(
    std::function<std::vector<torch::Tensor>(const torch::Tensor& images)> activations);

/// mean |sg[z] - e|^2 + beta mean |z - sg[e]|^2, where sg stops the gradient.
///
/// `legacy_beta` puts beta on the other term, as taming-transformers' own default does.
///
/// Source  van den Oord et al., arXiv 1711.00937, equation 3.
torch::Tensor codebook_loss(const torch::Tensor& z, const torch::Tensor& quantised, double beta,
                            bool legacy_beta);

/// The term of it that reaches the encoder, for a codebook that no gradient moves.
torch::Tensor commitment_loss(const torch::Tensor& z, const torch::Tensor& quantised, double beta,
                              bool legacy_beta);

/// How strongly the adversarial loss may pull: |grad of `nll`| / (|grad of `generator`| + 1e-4), at
/// most 1e4.
///
/// Both gradients are taken at `last_weight`; the result carries none.
///
/// Source  arXiv 2012.09841, equation 7.
torch::Tensor adaptive_weight(const torch::Tensor& nll, const torch::Tensor& generator,
                              const torch::Tensor& last_weight);

}  // namespace oar
