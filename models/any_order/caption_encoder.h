#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>

namespace oar {

/// How an any-order model reads captions.
struct CaptionConfig {
  int64_t length = 0;      ///< L, tokens of every caption; 0: the model reads none
  int64_t vocabulary = 0;  ///< byte-pair tokens
  int64_t layers = 2;      ///< of the encoder; its width and heads are the model's
  bool cross_attention =
      false;  ///< each block looks at the caption; else it stands before the image

  bool is_prefix() const { return length > 0 && !cross_attention; }
};

struct TransformerConfig;

/// Turns captions into what the image's Transformer reads: a pre-norm Transformer in which every
/// token attends to every other. Places after a caption's end hold one learned token that counts
/// like any other (as the padding of CLIP does in Stable Diffusion), so there is no mask, and a
/// caption of nothing else is "no caption".
///
/// Shapes  B captions, L tokens, D width.
class CaptionEncoderImpl : public torch::nn::Module {
 public:
  /// `config.caption` says its sizes.
  explicit CaptionEncoderImpl(const TransformerConfig& config);

  /// `tokens` int64 [B, L], -1 where there is none: [B, L, D].
  torch::Tensor forward(const torch::Tensor& tokens);

 private:
  torch::Tensor token_, place_;
  double dropout_;
  torch::nn::ModuleList blocks_;
  torch::nn::LayerNorm final_norm_{nullptr};
};
TORCH_MODULE(CaptionEncoder);

}  // namespace oar
