#include "models/any_order/caption_encoder.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "models/any_order/dropout.h"
#include "models/any_order/transformer.h"

namespace oar {

CaptionEncoderImpl::CaptionEncoderImpl(const TransformerConfig& config) : dropout_(config.dropout) {
  TransformerConfig of_blocks = config;
  of_blocks.caption = {};  // a caption's blocks look at no other caption
  token_ = register_parameter("token", torch::zeros({config.caption.vocabulary + 1, config.width}));
  place_ = register_parameter("place", torch::zeros({config.caption.length, config.width}));
  blocks_ = register_module("blocks", torch::nn::ModuleList());
  for (int64_t i = 0; i < config.caption.layers; ++i) blocks_->push_back(Block(of_blocks));
  final_norm_ = register_module("final_norm",
                                torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.width})));
}

torch::Tensor CaptionEncoderImpl::forward(const torch::Tensor& tokens) {
  TORCH_CHECK(tokens.dim() == 2 && tokens.size(1) == place_.size(0), "captions must be [B, ",
              place_.size(0), "], got ", tokens.sizes());
  const int64_t nothing = token_.size(0) - 1;
  torch::Tensor x = at::embedding(token_, tokens.masked_fill(tokens < 0, nothing)) + place_;
  x = batch_dropout(x, dropout_, is_training());
  for (size_t i = 0; i < blocks_->size(); ++i) {
    auto* const block = blocks_[i]->as<BlockImpl>();
    const auto heads = block->heads(x, nullptr, {}, {});
    x = block->finish(x, at::scaled_dot_product_attention(heads.query, heads.key, heads.value));
  }
  return final_norm_->forward(x);
}

}  // namespace oar
