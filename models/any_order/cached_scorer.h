#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "models/any_order/transformer.h"
#include "orders/rollout.h"

namespace oar {

/// Scores every candidate of the next step against one shared prefix per image.
///
/// Candidates of a step differ only in where they go. Each attends to the same cached keys and
/// values of the placed patches, by a flash kernel that returns its log-sum-exp, and to itself,
/// folded in afterwards:
///
///     out = (e^lse · out_prefix + e^s · v_self) / (e^lse + e^s),   s = q · k_self / √d
///
/// which is out_prefix moved towards v_self by sigmoid(s - lse): no maximum to take out, no mask,
/// no copy of the prefix. place() appends the winner's keys and values; nothing is computed twice.
///
/// Shapes  cache per layer: keys and values float32 [B, H, N, d], allocated once.
/// Errors  std::logic_error if place() comes without logits(), or after the grid is full.
/// Source  arXiv 2504.17069v1, likelihood of all remaining positions in parallel.
class CachedScorer : public StepScorer {
 public:
  /// `labels` int64 [B] on the model's device or not defined. With guidance_scale s != 1 the logits
  /// are uncond + s · (cond - uncond), and every image has a second row without its label.
  CachedScorer(Transformer model, int64_t batch, const torch::Tensor& labels = {},
               double guidance_scale = 1.0);

  int64_t batch() const override { return batch_; }
  torch::Device device() const override { return model_->device(); }
  torch::Tensor logits(const torch::Tensor& candidates) override;
  void place(const torch::Tensor& choice, const torch::Tensor& codes) override;

  /// Bytes that a batch needs at its worst step, beside the weights: the cache, the rows of all
  /// candidates through one block, their keys and values, and the logits.
  static int64_t bytes_needed(const TransformerConfig& config, int64_t batch, bool guided);

 private:
  torch::Tensor attend(size_t layer, const BlockImpl::Heads& heads) const;

  Transformer model_;
  int64_t batch_;
  double guidance_scale_;
  bool guided_;
  int64_t placed_ = 0;
  torch::Tensor labels_;                     // [rows], rows = B, or 2B with guidance
  torch::Tensor last_position_, last_code_;  // [rows]
  torch::Tensor candidates_;                 // [rows, R] of the last logits()
  struct Layer {
    torch::Tensor keys, values;                      // [rows, H, N, d]
    torch::Tensor candidate_keys, candidate_values;  // [rows, H, R, d]
  };
  std::vector<Layer> layers_;
};

}  // namespace oar
