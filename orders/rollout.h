#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "orders/order_policy.h"

namespace oar {

/// What the search needs of a model: logits for candidates of the next step, and a way to place
/// patches.
///
/// Shapes  B images, R candidates per image (the same R for all), N patches, V codes.
/// Errors  std::logic_error if place() or chosen_logits() comes without score(), or the grid is
///         full.
class StepScorer {
 public:
  virtual ~StepScorer() = default;
  virtual int64_t batch() const = 0;
  virtual torch::Device device() const = 0;

  /// Receives logits float32 [B, r, V] of the candidates begin .. begin + r - 1.
  using Visit = std::function<void(int64_t begin, const torch::Tensor& logits)>;

  /// Scores each candidate position, were it the next: `candidates` int64 [B, R], none of them
  /// placed yet. Calls `visit` with one part of them after the other, as memory allows.
  virtual void score(const torch::Tensor& candidates, const Visit& visit) = 0;

  /// Logits of one candidate per image of the last score(): float32 [B, V] for `choice` int64 [B].
  virtual torch::Tensor chosen_logits(const torch::Tensor& choice) = 0;

  /// Places `codes[b]` at candidate `choice[b]` of the last score(). Both int64 [B].
  virtual void place(const torch::Tensor& choice, const torch::Tensor& codes) = 0;

  /// Places m patches one after the other in a single pass, their codes being known: log P of each
  /// code given all before it, float32 [B, m]. `positions` and `codes` int64 [B, m].
  virtual torch::Tensor prefill(const torch::Tensor& positions, const torch::Tensor& codes) = 0;

  /// log P of each position to be the next, filled ones included: float32 [B, N]. Models with a
  /// location head only; others throw std::invalid_argument.
  virtual torch::Tensor location_log_probabilities() = 0;

  /// Confidence::kFutureContext of the candidates `choice` int64 [B, K] of the last score(), were
  /// `codes` int64 [B, K] placed there, judged by all other candidates of that score(): [B, K].
  virtual torch::Tensor future_context(const torch::Tensor& choice, const torch::Tensor& codes) = 0;

  /// Sequence elements that went through the whole network so far, over all images.
  virtual int64_t token_evaluations() const = 0;
};

/// How codes are drawn from logits.
struct SamplingOptions {
  double temperature = 1.0;  ///< > 0
  int64_t top_k = 0;         ///< keep the k most likely codes; 0 keeps all
  double top_p = 1.0;        ///< keep the smallest set of codes with at least this probability
  uint64_t seed = 0;
};

/// Where the code of a candidate of `step` comes from: int64 [B, R] for logits [B, R, V] and
/// positions [B, R].
using CodeSource = std::function<torch::Tensor(const torch::Tensor& logits,
                                               const torch::Tensor& positions, int64_t step)>;

/// The codes of existing images: int64 [B, N] by position. For labelling.
CodeSource given_codes(torch::Tensor codes);

/// Codes drawn by inverse transform, one uniform number per (seed, image, step, position): a chunk
/// of images of any size draws the same code for the same logits. `images` int64 [B] on the CPU.
///
/// Errors  std::invalid_argument for options out of range.
CodeSource drawn_codes(SamplingOptions options, torch::Tensor images);

/// Which patches a learned order scores at a step. The defaults are the exact search; only
/// future_context, whose cost grows with the square of what it tries, tries no more than it is
/// told.
struct SearchOptions {
  int64_t frontier_radius = 0;   ///< score open patches within this Chebyshev distance of a filled
                                 ///< one; 0: all
  int64_t rescore_every = 1;     ///< score at every k-th step and rank by the old scores between
  int64_t patches_per_step = 1;  ///< place the m best of one scoring together, codes drawn at once
  int64_t search_first = 0;      ///< score for the first m patches only, then follow the last
                                 ///< scores; 0: all
  int64_t future_candidates = 16;  ///< future_context: how many of the most certain patches are
                                   ///< tried; 0: all
  bool operator==(const SearchOptions&) const = default;

  /// The same without what makes it approximate.
  SearchOptions exact() const {
    SearchOptions options;
    options.future_candidates = future_candidates;
    return options;
  }
};

/// Patches whose codes are given before the first one is chosen. int64 [B, K], K < N.
struct KnownPatches {
  torch::Tensor position_at, codes;
};

struct RolloutOptions {
  Confidence confidence = Confidence::kLikelihood;  ///< unless the order has its own
  SearchOptions search = {};
  StepScorer* placer = nullptr;  ///< chooses the places; nullptr: the scorer of the codes itself
  KnownPatches known = {};       ///< not defined: none. Editing: the image's own patches
};

/// One batch of images, placed patch by patch.
struct Rollout {
  torch::Tensor position_at;      ///< int64 [B, N], the patch of each step; known patches first
  torch::Tensor codes;            ///< int64 [B, N], by position
  torch::Tensor log_likelihood;   ///< float32 [B, N], by step: log P(code) given all patches before
                                  ///< it, at temperature 1, nats
  int64_t token_evaluations = 0;  ///< of all images together, both models where two place and draw
};

/// Places all N patches of a batch in the order `policy` says.
///
/// A learned order scores open patches, rows dense; a fixed one scores a single patch per step.
/// With Confidence::kLikelihood and drawn codes the code of each candidate is drawn before the
/// choice; with the others after it, so that the codes are samples of the model exactly.
///
/// Shapes  `images` int64 [B] on the CPU, the key of each image's random numbers. Results on the
///         CPU.
/// Errors  std::invalid_argument if the model's logits are not finite, or options are out of range.
/// Source  arXiv 2504.17069v1, likelihood at all remaining positions in parallel.
Rollout roll_out(StepScorer& scorer, const OrderPolicy& policy, const CodeSource& code_source,
                 const torch::Tensor& images, const RolloutOptions& options = {});

}  // namespace oar
