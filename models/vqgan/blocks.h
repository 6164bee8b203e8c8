// The building blocks of the VQ-GAN's encoder and decoder.
//
// Their registered names are those of taming-transformers' `model.py`, since a weights file names
// its tensors by them.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

namespace oar {

/// Groups of every group normalisation: channel counts are multiples of it.
constexpr int64_t kNormGroups = 32;

/// The convolution all blocks use: bias, and as much zero padding as keeps the image's size.
torch::nn::Conv2d same_conv(int64_t in_channels, int64_t out_channels, int64_t kernel);

/// GroupNorm(32, eps 1e-6).
torch::nn::GroupNorm group_norm(int64_t channels);

/// Applies it, with a fast backward pass (see group_norm.h).
torch::Tensor norm(const torch::nn::GroupNorm& layer, const torch::Tensor& x);

/// The same followed by swish, x * sigmoid(x).
torch::Tensor norm_swish(const torch::nn::GroupNorm& layer, const torch::Tensor& x);

/// Two 3x3 convolutions, each after norm and swish, beside a shortcut (1x1 where channels change).
///
/// Shapes  [B, in, height, width] -> [B, out, height, width].
class ResidualBlockImpl : public torch::nn::Module {
 public:
  ResidualBlockImpl(int64_t in_channels, int64_t out_channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::GroupNorm norm1_, norm2_;
  torch::nn::Conv2d conv1_, conv2_, nin_shortcut_{nullptr};
};
TORCH_MODULE(ResidualBlock);

/// Self-attention over all pixels: one head, scale 1 / sqrt(channels), added to its input.
///
/// Shapes  [B, channels, height, width] in and out.
class AttentionBlockImpl : public torch::nn::Module {
 public:
  explicit AttentionBlockImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::GroupNorm norm_;
  torch::nn::Conv2d q_, k_, v_, proj_out_;
};
TORCH_MODULE(AttentionBlock);

/// Halves height and width: a 3x3 convolution of stride 2, zero-padded on the right and bottom
/// only.
class DownsampleImpl : public torch::nn::Module {
 public:
  explicit DownsampleImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_;
};
TORCH_MODULE(Downsample);

/// Doubles height and width: each pixel repeated (nearest), then a 3x3 convolution.
class UpsampleImpl : public torch::nn::Module {
 public:
  explicit UpsampleImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_;
};
TORCH_MODULE(Upsample);

}  // namespace oar
