#include "models/vqgan/encoder_decoder.h"

#include <utility>

namespace oar {
namespace {

int64_t last_level(const VqganConfig& config) {
  return static_cast<int64_t>(config.ch_mult.size()) - 1;
}

// Levels in the order of their index, each with its change of resolution: what both halves'
// constructors need.
std::vector<Level> encoder_levels(const VqganConfig& config) {
  std::vector<Level> levels;
  int64_t in_channels = config.ch;
  for (int64_t i = 0; i <= last_level(config); ++i) {
    levels.emplace_back(in_channels, config.channels(i), config.num_res_blocks,
                        config.has_attention(i));
    in_channels = config.channels(i);
    if (i < last_level(config)) levels.back()->add(Downsample(in_channels));
  }
  return levels;
}

std::vector<Level> decoder_levels(const VqganConfig& config) {
  std::vector<Level> levels;
  for (int64_t i = 0; i <= last_level(config); ++i) {
    const int64_t in_channels = config.channels(std::min(i + 1, last_level(config)));
    levels.emplace_back(in_channels, config.channels(i), config.num_res_blocks + 1,
                        config.has_attention(i));
    if (i > 0) levels.back()->add(Upsample(config.channels(i)));
  }
  return levels;
}

torch::nn::ModuleList list_of(const std::vector<Level>& levels) {
  torch::nn::ModuleList list;
  for (const Level& level : levels) list->push_back(level);
  return list;
}

}  // namespace

MiddleImpl::MiddleImpl(int64_t channels)
    : block_1_(register_module("block_1", ResidualBlock(channels, channels))),
      attn_1_(register_module("attn_1", AttentionBlock(channels))),
      block_2_(register_module("block_2", ResidualBlock(channels, channels))) {}

torch::Tensor MiddleImpl::forward(const torch::Tensor& x) { return block_2_(attn_1_(block_1_(x))); }

LevelImpl::LevelImpl(int64_t in_channels, int64_t channels, int64_t num_blocks, bool attention) {
  torch::nn::ModuleList block, attn;
  for (int64_t i = 0; i < num_blocks; ++i) {
    blocks_.emplace_back(i == 0 ? in_channels : channels, channels);
    block->push_back(blocks_.back());
    if (!attention) continue;
    attentions_.emplace_back(channels);
    attn->push_back(attentions_.back());
  }
  register_module("block", block);
  register_module("attn", attn);
}

void LevelImpl::add(Downsample downsample) {
  downsample_ = register_module("downsample", std::move(downsample));
}

void LevelImpl::add(Upsample upsample) {
  upsample_ = register_module("upsample", std::move(upsample));
}

torch::Tensor LevelImpl::forward(torch::Tensor x) {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = blocks_[i](x);
    if (!attentions_.empty()) x = attentions_[i](x);
  }
  if (downsample_) x = downsample_(x);
  if (upsample_) x = upsample_(x);
  return x;
}

EncoderImpl::EncoderImpl(const VqganConfig& config)
    : conv_in_(register_module("conv_in", same_conv(3, config.ch, 3))),
      levels_(encoder_levels(config)),
      mid_(register_module("mid", Middle(config.channels(last_level(config))))),
      norm_out_(register_module("norm_out", group_norm(config.channels(last_level(config))))),
      conv_out_(register_module(
          "conv_out", same_conv(config.channels(last_level(config)), config.z_channels, 3))) {
  down_ = register_module("down", list_of(levels_));
}

torch::Tensor EncoderImpl::forward(const torch::Tensor& images) {
  torch::Tensor x = conv_in_(images);
  for (Level& level : levels_) x = level(x);
  return conv_out_(norm_swish(norm_out_, mid_(x)));
}

DecoderImpl::DecoderImpl(const VqganConfig& config)
    : conv_in_(register_module(
          "conv_in", same_conv(config.z_channels, config.channels(last_level(config)), 3))),
      mid_(register_module("mid", Middle(config.channels(last_level(config))))),
      levels_(decoder_levels(config)),
      norm_out_(register_module("norm_out", group_norm(config.channels(0)))),
      conv_out_(register_module("conv_out", same_conv(config.channels(0), 3, 3))) {
  up_ = register_module("up", list_of(levels_));
}

torch::Tensor DecoderImpl::forward(const torch::Tensor& z) {
  torch::Tensor x = mid_(conv_in_(z));
  for (size_t i = levels_.size(); i-- > 0;) x = levels_[i](x);
  return conv_out_(norm_swish(norm_out_, x));
}

}  // namespace oar
