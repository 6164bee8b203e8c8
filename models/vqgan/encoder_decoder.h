// The two halves of the VQ-GAN around its quantiser.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>

#include <vector>

#include "models/vqgan/blocks.h"
#include "models/vqgan/config.h"

namespace oar {

/// Two residual blocks around one attention: what both halves do at the lowest resolution.
class MiddleImpl : public torch::nn::Module {
 public:
  explicit MiddleImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  ResidualBlock block_1_;
  AttentionBlock attn_1_;
  ResidualBlock block_2_;
};
TORCH_MODULE(Middle);

/// The residual blocks of one resolution, each followed by attention where the level has it.
///
/// Registers `block` and `attn`; the halves add their own `downsample` or `upsample` to it.
class LevelImpl : public torch::nn::Module {
 public:
  LevelImpl(int64_t in_channels, int64_t channels, int64_t num_blocks, bool attention);
  torch::Tensor forward(torch::Tensor x);

  /// Adds the change of resolution that follows the blocks.
  void add(Downsample downsample);
  void add(Upsample upsample);

 private:
  std::vector<ResidualBlock> blocks_;
  std::vector<AttentionBlock> attentions_;
  Downsample downsample_{nullptr};
  Upsample upsample_{nullptr};
};
TORCH_MODULE(Level);

/// Images to features, one vector a patch.
///
/// Shapes  float [B, 3, height, width] -> [B, z_channels, height / downsample, width / downsample].
/// Source  taming-transformers, diffusionmodules/model.py, Encoder (double_z off, no dropout).
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const VqganConfig& config);
  torch::Tensor forward(const torch::Tensor& images);

 private:
  torch::nn::Conv2d conv_in_;
  torch::nn::ModuleList down_;
  std::vector<Level> levels_;
  Middle mid_;
  torch::nn::GroupNorm norm_out_;
  torch::nn::Conv2d conv_out_;
};
TORCH_MODULE(Encoder);

/// Features to images, unbounded (no tanh).
///
/// Shapes  float [B, z_channels, rows, cols] -> [B, 3, rows * downsample, cols * downsample].
/// Source  taming-transformers, diffusionmodules/model.py, Decoder; `up` is indexed by level, the
/// last level runs first.
class DecoderImpl : public torch::nn::Module {
 public:
  explicit DecoderImpl(const VqganConfig& config);
  torch::Tensor forward(const torch::Tensor& z);

  /// Weight of the last convolution: the adversarial loss is balanced by its gradients there.
  torch::Tensor last_weight() const { return conv_out_->weight; }

 private:
  torch::nn::Conv2d conv_in_;
  Middle mid_;
  torch::nn::ModuleList up_;
  std::vector<Level> levels_;
  torch::nn::GroupNorm norm_out_;
  torch::nn::Conv2d conv_out_;
};
TORCH_MODULE(Decoder);

}  // namespace oar
