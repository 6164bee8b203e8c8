#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "models/any_order/transformer.h"
#include "orders/rollout.h"

namespace oar {

struct ScorerOptions {
  torch::Tensor condition = {};  ///< labels int64 [B] or captions [B, L]; not defined: none
  double guidance_scale = 1.0;   ///< s: logits are uncond + s · (cond - uncond); 1: no guidance
  int64_t memory_bytes = int64_t{2} << 30;  ///< what the search may allocate, weights not counted
  int64_t models = 1;        ///< scorers that share it: two where one places and one draws
  bool looks_ahead = false;  ///< future_context will be asked for: room for a second set of keys
};

/// How a search is cut so that it fits into memory.
struct SearchPlan {
  int64_t batch = 0;  ///< images searched together
  int64_t rows = 0;   ///< candidates of each image that go through the network together
  int64_t bytes = 0;  ///< what that allocates at its worst step
};

/// Scores candidates of the next step against one shared prefix per image.
///
/// Candidates of a step differ only in where they go. Each attends to the same cached keys and
/// values of the placed patches and to itself (models/any_order/row_kernels.h), never to another
/// candidate. place() appends the winner's keys and values; nothing is computed twice. The cache
/// and all rows in flight are allocated once, as large as SearchPlan says and no larger.
///
/// Shapes  G = B sequences, or 2·B with guidance; S slots, N or 2·N with a position token, and L
///         more where a caption stands before the image; cache per layer: keys and values
///         [G, H, S, d].
/// Errors  BudgetTooSmall if `memory_bytes` is, naming the smallest that works.
/// Source  arXiv 2504.17069v1, likelihood of all remaining positions in parallel.
class CachedScorer : public StepScorer {
 public:
  CachedScorer(Transformer model, int64_t batch, const ScorerOptions& options = {});

  int64_t batch() const override { return batch_; }
  torch::Device device() const override { return model_->device(); }
  void score(const torch::Tensor& candidates, const Visit& visit) override;
  torch::Tensor chosen_logits(const torch::Tensor& choice) override;
  void place(const torch::Tensor& choice, const torch::Tensor& codes) override;
  torch::Tensor prefill(const torch::Tensor& positions, const torch::Tensor& codes) override;
  torch::Tensor location_log_probabilities() override;
  torch::Tensor future_context(const torch::Tensor& choice, const torch::Tensor& codes) override;
  int64_t token_evaluations() const override;

  /// Logits of all candidates at once: [B, R, V]. For tests and small grids.
  torch::Tensor logits(const torch::Tensor& candidates);

  /// The most images, at most `wanted`, that can be searched together in `options.memory_bytes`;
  /// where not even one fits whole, one image with its candidates in parts.
  static SearchPlan plan(const TransformerConfig& config, int64_t wanted,
                         const ScorerOptions& options = {});

 private:
  struct KeysValues {
    torch::Tensor keys, values;  // [G, H, slots, d]
  };
  /// Where the batch stands; copied to come back to it after looking ahead.
  struct Standing {
    int64_t placed = 0;
    std::vector<int64_t> filled;             // slots in use, per layer
    torch::Tensor last_position, last_code;  // [G]
    torch::Tensor candidates;                // [G, R] of the last score(); not defined after place
    torch::Tensor normed;                    // [G, R, D], what the head read of them
    torch::Tensor below;                     // [G, 1, D], of this step where the model splits
    bool prepared = false;                   // this step's shared rows are in the cache
    bool in_cache = false;                   // the only candidate was written there directly
    size_t buffer = 0;                       // which candidate keys and values are in use
  };
  /// How rows take part: as alternatives to each other, or one after the other.
  enum class Rows { kCandidates, kSequence };

  torch::Tensor encoded_captions();
  void read_captions();
  void look_at_caption(size_t layer, torch::Tensor flat, torch::Tensor normed,
                       torch::Tensor attended);
  void prepare();
  torch::Tensor candidate_inputs(const torch::Tensor& to);
  torch::Tensor run(torch::Tensor x, size_t first, const torch::Tensor& query,
                    const torch::Tensor& key, Rows rows, size_t last, int64_t begin = 0);
  void attend(const torch::Tensor& query, const KeysValues& own, size_t layer, Rows rows,
              torch::Tensor out);
  KeysValues destination(size_t layer, Rows rows, int64_t begin, int64_t count);
  torch::Tensor head(const torch::Tensor& normed) const;
  torch::Tensor normed(torch::Tensor x);
  torch::Tensor guided(const torch::Tensor& logits) const;
  torch::Tensor doubled(const torch::Tensor& x) const;
  torch::Tensor nowhere() const;
  torch::Tensor own_position() const;
  torch::Tensor prefill_part(const torch::Tensor& positions, const torch::Tensor& codes);
  torch::Tensor entropies();

  Transformer model_;
  int64_t batch_, sequences_, rows_;
  double guidance_scale_;
  torch::Tensor condition_;
  std::vector<BlockImpl::Weights> weights_;
  size_t split_;         // first block that knows the next position
  torch::Tensor cache_;  // [layers, 2, G, H, slots, d]: keys, then values
  std::vector<BlockImpl::KeysValues> caption_keys_;  // per layer, where blocks look at captions
  torch::Tensor
      candidate_rows_[2];  // [layers from split_ on, 2, G, H, N, d]; second: to look ahead
  torch::Tensor normed_rows_, qkv_rows_, attended_rows_, hidden_rows_;  // [G·rows, ...]
  Standing now_;
  int64_t row_layers_ = 0;  // rows times layers gone through
};

}  // namespace oar
