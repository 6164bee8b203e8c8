#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/any_order/caption_encoder.h"
#include "models/any_order/next_encoding.h"
#include "models/any_order/rotary_table.h"
#include "orders/grid.h"

namespace oar {

/// Sizes of the any-order Transformer.
struct TransformerConfig {
  Grid grid;
  int64_t codebook_size = 0;
  int64_t layers = 4;
  int64_t width = 128;
  int64_t heads = 4;
  std::string next_encoding = "relative+rotary";
  int64_t num_classes = 0;  ///< 0: no classes; else labels 0 .. num_classes-1, or -1 for none
  double dropout = 0.1;
  /// A model with a location head: the blocks before this one do not know the next position, and
  /// where it is follows from what they make. 0: no location head.
  int64_t location_after = 0;
  CaptionConfig caption = {};  ///< a model has classes, captions or neither

  bool is_conditional() const { return num_classes > 0 || caption.length > 0; }
};

/// Layers, width and heads of a preset: nano 3×96, tiny 4×128, small 6×256, base 12×768 (≈87 M
/// parameters with 1,024 codes), large 24×1024 (≈305 M).
///
/// Errors  std::invalid_argument for another name.
TransformerConfig transformer_preset(const std::string& name);

/// Refuses sizes that do not fit each other, before a model of that size is allocated.
///
/// Errors  std::invalid_argument: an empty grid or codebook, a width that is no multiple of 4 x
/// heads
///         (each head's channels pair up for two rotary axes), an unknown next_encoding, or
///         captions beside classes.
void check_config(const TransformerConfig& config);

/// One pre-norm block: self-attention, attention to the caption in models that have it, then a GELU
/// perceptron of four times the width.
class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(const TransformerConfig& config);

  struct Heads {
    torch::Tensor query, key, value;  ///< [B, H, T, d]
  };
  /// Queries and keys of x [B, T, D], turned if `rotary` is given.
  Heads heads(const torch::Tensor& x, const RotaryTable* rotary,
              const torch::Tensor& query_positions, const torch::Tensor& key_positions);
  /// x plus the projected attention output [B, H, T, d], then plus attention to `caption`
  /// [B, L, D] (not defined where the block has none), then plus the perceptron.
  torch::Tensor finish(const torch::Tensor& x, const torch::Tensor& attended,
                       const torch::Tensor& caption = {});
  struct KeysValues {
    torch::Tensor key, value;  ///< [B, H, L, d]
  };
  /// What rows look up in a caption [B, L, D].
  KeysValues caption_keys(const torch::Tensor& caption);

  /// The parameters, for inference: weights [out, in], biases and norms [out].
  struct Weights {
    torch::Tensor attention_norm, attention_norm_bias, qkv, qkv_bias, projection, projection_bias;
    torch::Tensor mlp_norm, mlp_norm_bias, up, up_bias, down, down_bias;
    /// Where the block looks at captions.
    torch::Tensor cross_norm = {}, cross_norm_bias = {}, cross_query = {}, cross_query_bias = {};
    torch::Tensor cross_projection = {}, cross_projection_bias = {};
  };
  Weights weights() const;

 private:
  torch::Tensor split_in_heads(const torch::Tensor& x) const;
  torch::Tensor look_at_caption(const torch::Tensor& x, const torch::Tensor& caption);

  int64_t heads_;
  double dropout_;
  torch::nn::LayerNorm attention_norm_{nullptr}, cross_norm_{nullptr}, mlp_norm_{nullptr};
  torch::nn::Linear cross_query_{nullptr}, cross_keys_{nullptr}, cross_projection_{nullptr};
  torch::nn::Linear qkv_{nullptr}, projection_{nullptr}, up_{nullptr}, down_{nullptr};
};
TORCH_MODULE(Block);

/// Predicts the code of any position next: p(code at position_at[t] | placed patches, positions).
///
///     h_t = token(x[position_at[t-1]]) + here(position_at[t-1])
///           + next(position_at[t-1] -> position_at[t])
///     h_0 = start(condition) + first(position_at[0])
///
/// Causal self-attention runs over steps, so one pass gives every step of an order. A class is
/// the start; a caption stands as L rows before it, at no place, or each block attends to it
/// between self-attention and perceptron. Two departures:
/// - With a position token the sequence is start, P(position_at[0]), X(position_at[0]), P(...),
/// ...:
///   P carries the position and X the code, and logits are read at the P.
/// - With a location head the blocks before `location_after` run on h without `next`; a head on
/// what
///   they make gives the distribution of position_at[t], and `next` is added for the blocks after:
///   one pass, and one evaluation per patch in sampling, gives location and content.
///
/// Shapes  B images, N patches, V codes, D width, T steps.
/// Errors  std::invalid_argument for a grid, codebook, width or heads that do not fit together.
/// Source  arXiv 2504.17069v1: dual positional encoding, absolute here and relative next; position
///         token: RandAR, arXiv 2412.01827; location head: the paper's open question, our design.
class TransformerImpl : public torch::nn::Module {
 public:
  explicit TransformerImpl(const TransformerConfig& config);

  const TransformerConfig& config() const { return config_; }
  const NextEncoding& encoding() const { return encoding_; }

  /// What one pass over whole images gives, by step.
  struct Prediction {
    torch::Tensor logits;    ///< float32 [B, N, V], of the code at position_at[t]
    torch::Tensor location;  ///< float32 [B, N, N], of position_at[t]; only with a location head
  };
  /// `codes` by position int64 [B, N], orders `position_at` int64 [B, N]. `condition`: class labels
  /// int64 [B] or tokens of captions int64 [B, L], -1 for none; not defined: no condition.
  Prediction predict(const torch::Tensor& codes, const torch::Tensor& position_at,
                     const torch::Tensor& condition = {});
  torch::Tensor forward(const torch::Tensor& codes, const torch::Tensor& position_at,
                        const torch::Tensor& condition = {}) {
    return predict(codes, position_at, condition).logits;
  }

  /// start(class) of `batch` images: [B, 1, D].
  torch::Tensor start_input(const torch::Tensor& condition, int64_t batch);
  /// What the captions of `batch` images say: [B, L, D]; not defined in a model without captions.
  torch::Tensor caption_input(const torch::Tensor& condition, int64_t batch);
  /// token + here of codes placed at `from`; int64 [B, T]: [B, T, D].
  torch::Tensor patch_input(const torch::Tensor& codes, const torch::Tensor& from);
  /// first(to), what the first step adds: [B, R, D] for `to` int64 [B, R].
  torch::Tensor first_next(const torch::Tensor& to);
  /// next(from -> to): [B, R, D], zero where only rotary tells. `from` [B, 1] or [B, R].
  torch::Tensor next(const torch::Tensor& from, const torch::Tensor& to);
  /// The token that stands before the patch `to`: [B, R, D]. With a position token only.
  torch::Tensor position_token(const torch::Tensor& to);

  /// Runs blocks first .. last - 1 over x [B, T, D], queries turned by `query` and keys by `key`
  /// (int64 [B, T]; N turns by nothing). Without a mask attention is causal; a mask bool [T, T] is
  /// true where a query (row) may look at a key (column). `caption` [B, L, D] is what blocks with
  /// attention to captions look at.
  torch::Tensor run(torch::Tensor x, size_t first, size_t last, const torch::Tensor& query,
                    const torch::Tensor& key, const torch::Tensor& mask = {},
                    const torch::Tensor& caption = {});
  torch::Tensor logits(const torch::Tensor& x);           ///< [B, T, V]
  torch::Tensor location_logits(const torch::Tensor& x);  ///< [B, T, N]

  /// For the cached search.
  size_t num_blocks() const { return blocks_->size(); }
  Block block(size_t index) const;
  const RotaryTable* rotary() const { return encoding_.rotary ? &rotary_ : nullptr; }
  struct HeadWeights {
    torch::Tensor norm, norm_bias, head, head_bias;
  };
  HeadWeights head_weights() const;

  torch::Device device() const { return token_.device(); }
  /// Draws all weights anew from `seed`: normal, σ 0.02; residual projections σ 0.02/√(2·layers).
  void initialise(uint64_t seed);
  /// The rotary tables are no parameters; they follow the module to a device by this.
  void move_to(torch::Device device);

 private:
  /// A sequence of the image, and before it the caption where that is its place.
  struct Rows {
    torch::Tensor x, query, key;
  };
  Rows after_caption(const torch::Tensor& caption, Rows image) const;
  Prediction predict_with_position_tokens(const torch::Tensor& codes,
                                          const torch::Tensor& position_at,
                                          const torch::Tensor& condition);

  TransformerConfig config_;
  NextEncoding encoding_;
  RotaryTable rotary_;
  torch::Tensor token_, here_row_, here_col_, first_, start_;
  torch::Tensor next_absolute_, next_relative_, next_row_, next_col_, next_sinusoid_;
  torch::Tensor sinusoids_;  // [N, D], no parameter
  torch::Tensor position_token_;
  CaptionEncoder caption_{nullptr};
  torch::nn::ModuleList blocks_;
  torch::nn::LayerNorm final_norm_{nullptr}, location_norm_{nullptr};
  torch::nn::Linear head_{nullptr}, location_head_{nullptr};
};
TORCH_MODULE(Transformer);

}  // namespace oar
