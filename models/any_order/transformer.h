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

#include "models/any_order/next_encoding.h"
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
  int64_t num_classes = 0;  ///< 0: no condition; else labels 0 .. num_classes-1, or -1 for none
  double dropout = 0.1;
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
///         (each head's channels pair up for two rotary axes), or an unknown next_encoding.
void check_config(const TransformerConfig& config);

/// 2-D rotary embedding of positions: the first half of a head's channels turns with the row, the
/// second with the column. Position N ("nowhere") turns by nothing.
///
/// Shapes  cos, sin float32 [N+1, d/2] with d the head's width, a multiple of 4.
struct RotaryTable {
  torch::Tensor cos, sin;
  RotaryTable(const Grid& grid, int64_t head_width);
  /// Turns x [B, H, T, d] by the positions [B, T].
  torch::Tensor turn(const torch::Tensor& x, const torch::Tensor& positions) const;
};

/// One pre-norm block: causal self-attention, then a GELU perceptron of four times the width.
class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(const TransformerConfig& config);

  struct Heads {
    torch::Tensor query, key, value;  ///< [B, H, T, d]
  };
  /// Queries and keys of x [B, T, D], turned if `rotary` is given.
  Heads heads(const torch::Tensor& x, const RotaryTable* rotary,
              const torch::Tensor& query_positions, const torch::Tensor& key_positions);
  /// x plus the projected attention output [B, H, T, d], then plus the perceptron.
  torch::Tensor finish(const torch::Tensor& x, const torch::Tensor& attended);

 private:
  int64_t heads_;
  double dropout_;
  torch::nn::LayerNorm attention_norm_{nullptr}, mlp_norm_{nullptr};
  torch::nn::Linear qkv_{nullptr}, projection_{nullptr}, up_{nullptr}, down_{nullptr};
};
TORCH_MODULE(Block);

/// Predicts the code of any position next: p(code at position_at[t] | placed patches, positions).
///
///     h_t = token(x[position_at[t-1]]) + here(position_at[t-1]) + next(position_at[t-1] ->
///     position_at[t]) h_0 = start(condition) + first(position_at[0])
///
/// Causal self-attention runs over steps, so one pass gives every step of an order.
///
/// Shapes  B images, N patches, V codes, D width, T steps.
/// Errors  std::invalid_argument for a grid, codebook, width or heads that do not fit together.
/// Source  arXiv 2504.17069v1: dual positional encoding, absolute here and relative next.
class TransformerImpl : public torch::nn::Module {
 public:
  explicit TransformerImpl(const TransformerConfig& config);

  const TransformerConfig& config() const { return config_; }

  /// Logits of every step: float32 [B, N, V] for codes by position int64 [B, N], orders
  /// `position_at` int64 [B, N] and `labels` int64 [B] (not defined: no condition).
  torch::Tensor forward(const torch::Tensor& codes, const torch::Tensor& position_at,
                        const torch::Tensor& labels = {});

  /// h_0 of candidates `to` int64 [B, R]: [B, R, D].
  torch::Tensor first_input(const torch::Tensor& labels, const torch::Tensor& to);
  /// h_t, t >= 1, for codes placed at `from`, going `to`; all int64 [B, T]: [B, T, D].
  torch::Tensor step_input(const torch::Tensor& codes, const torch::Tensor& from,
                           const torch::Tensor& to);
  /// Runs the blocks over x [B, T, D]: logits [B, T, V]. Without a mask attention is causal; a mask
  /// bool [T, T] is true where a query (row) may look at a key (column). `from` is N for h_0.
  torch::Tensor run(torch::Tensor x, const torch::Tensor& from, const torch::Tensor& to,
                    const torch::Tensor& mask = {});

  /// For the cached search: the blocks, the turning and the last step apart.
  std::vector<Block> blocks() const;
  const RotaryTable* rotary() const { return encoding_.rotary ? &rotary_ : nullptr; }
  torch::Tensor logits(const torch::Tensor& x);

  torch::Device device() const { return token_.device(); }
  /// Draws all weights anew from `seed`: normal, σ 0.02; residual projections σ 0.02/√(2·layers).
  void initialise(uint64_t seed);
  /// The rotary tables are no parameters; they follow the module to a device by this.
  void move_to(torch::Device device);

 private:
  TransformerConfig config_;
  NextEncoding encoding_;
  RotaryTable rotary_;
  torch::Tensor token_, here_row_, here_col_, first_, start_, next_absolute_, next_relative_;
  torch::Tensor offset_base_;
  torch::nn::ModuleList blocks_;
  torch::nn::LayerNorm final_norm_{nullptr};
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(Transformer);

}  // namespace oar
