#include "models/vqgan/blocks.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "models/vqgan/group_norm.h"

namespace oar {
namespace {

// [B, C, height, width] -> [B, 1 head, height * width, C]; no copy where x is channels-last.
torch::Tensor as_sequence(const torch::Tensor& x) {
  return x.permute({0, 2, 3, 1}).reshape({x.size(0), 1, x.size(2) * x.size(3), x.size(1)});
}

}  // namespace

torch::nn::Conv2d same_conv(int64_t in_channels, int64_t out_channels, int64_t kernel) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in_channels, out_channels, kernel).padding(kernel / 2));
}

torch::nn::GroupNorm group_norm(int64_t channels) {
  return torch::nn::GroupNorm(torch::nn::GroupNormOptions(kNormGroups, channels).eps(1e-6));
}

torch::Tensor norm(const torch::nn::GroupNorm& layer, const torch::Tensor& x) {
  return fast_group_norm(x, kNormGroups, layer->weight, layer->bias, layer->options.eps());
}

torch::Tensor norm_swish(const torch::nn::GroupNorm& layer, const torch::Tensor& x) {
  return fast_norm_swish(x, kNormGroups, layer->weight, layer->bias, layer->options.eps());
}

ResidualBlockImpl::ResidualBlockImpl(int64_t in_channels, int64_t out_channels)
    : norm1_(register_module("norm1", group_norm(in_channels))),
      norm2_(register_module("norm2", group_norm(out_channels))),
      conv1_(register_module("conv1", same_conv(in_channels, out_channels, 3))),
      conv2_(register_module("conv2", same_conv(out_channels, out_channels, 3))) {
  if (in_channels != out_channels) {
    nin_shortcut_ = register_module("nin_shortcut", same_conv(in_channels, out_channels, 1));
  }
}

torch::Tensor ResidualBlockImpl::forward(const torch::Tensor& x) {
  const torch::Tensor inner = conv1_(norm_swish(norm1_, x));
  const torch::Tensor change = conv2_(norm_swish(norm2_, inner));
  return (nin_shortcut_ ? nin_shortcut_(x) : x) + change;
}

AttentionBlockImpl::AttentionBlockImpl(int64_t channels)
    : norm_(register_module("norm", group_norm(channels))),
      q_(register_module("q", same_conv(channels, channels, 1))),
      k_(register_module("k", same_conv(channels, channels, 1))),
      v_(register_module("v", same_conv(channels, channels, 1))),
      proj_out_(register_module("proj_out", same_conv(channels, channels, 1))) {}

torch::Tensor AttentionBlockImpl::forward(const torch::Tensor& x) {
  const torch::Tensor normed = norm(norm_, x);
  // The default scale of scaled_dot_product_attention is the one meant: 1 / sqrt(channels).
  const torch::Tensor mixed = at::scaled_dot_product_attention(
      as_sequence(q_(normed)), as_sequence(k_(normed)), as_sequence(v_(normed)));
  const torch::Tensor image =
      mixed.reshape({x.size(0), x.size(2), x.size(3), x.size(1)}).permute({0, 3, 1, 2});
  return x + proj_out_(image);
}

DownsampleImpl::DownsampleImpl(int64_t channels)
    : conv_(register_module(
          "conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, channels, 3).stride(2)))) {}

torch::Tensor DownsampleImpl::forward(const torch::Tensor& x) {
  return conv_(at::constant_pad_nd(x, {0, 1, 0, 1}));
}

UpsampleImpl::UpsampleImpl(int64_t channels)
    : conv_(register_module("conv", same_conv(channels, channels, 3))) {}

torch::Tensor UpsampleImpl::forward(const torch::Tensor& x) {
  return conv_(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
}

}  // namespace oar
