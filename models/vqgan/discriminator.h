// The patch discriminator of adversarial training, and the hinge losses.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

namespace oar {

/// The sizes of a discriminator.
struct DiscriminatorConfig {
  int64_t ndf = 64;  ///< channels of the first convolution; doubled layer by layer up to 8 times
  int64_t n_layers =
      3;  ///< layers of stride 2: each output sees 16, 34 or 70 pixels for 1, 2 or 3 layers
};

/// As many layers as the image has room for: 70 pixels from 128 up, 34 from 64 up, 16 below.
DiscriminatorConfig discriminator_for(int64_t image_size);

/// PatchGAN: a score of realness for each overlapping patch of an image.
///
/// Shapes  float [B, 3, height, width] -> float [B, 1, h, w], unbounded; higher means real.
/// Errors  std::invalid_argument if a size is below 1.
/// Source  Isola et al., arXiv 1611.07004; layout and start of taming-transformers'
/// NLayerDiscriminator (`main.N`).
class DiscriminatorImpl : public torch::nn::Module {
 public:
  explicit DiscriminatorImpl(const DiscriminatorConfig& config);
  torch::Tensor forward(const torch::Tensor& images);

  /// Draws every weight anew from `seed`: convolutions N(0, 0.02), norm scales N(1, 0.02), biases
  /// 0.
  void draw_weights(int64_t seed);

 private:
  torch::nn::Sequential main_;
};
TORCH_MODULE(Discriminator);

/// 1/2 (mean max(0, 1 - real) + mean max(0, 1 + fake)): what the discriminator minimises.
torch::Tensor hinge_loss(const torch::Tensor& real_scores, const torch::Tensor& fake_scores);

/// -mean(fake): what the autoencoder minimises.
torch::Tensor generator_loss(const torch::Tensor& fake_scores);

}  // namespace oar
