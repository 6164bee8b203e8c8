#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "orders/order_policy.h"

namespace oar {

/// What the search needs of a model: logits for candidates of the next step, and a way to place
/// one.
///
/// Shapes  B images, R candidates per image (the same R for all), V codes.
class StepScorer {
 public:
  virtual ~StepScorer() = default;
  virtual int64_t batch() const = 0;
  virtual torch::Device device() const = 0;

  /// Logits of the code at each candidate position, were it the next: float32 [B, R, V].
  /// `candidates` int64 [B, R], none of them placed yet.
  virtual torch::Tensor logits(const torch::Tensor& candidates) = 0;

  /// Places `codes[b]` at candidate `choice[b]` of the last call of logits(). Both int64 [B].
  virtual void place(const torch::Tensor& choice, const torch::Tensor& codes) = 0;
};

/// What ranks a candidate position, in nats; higher is more confident.
enum class Confidence {
  kLikelihood,      ///< log P(the code there): the true code when labelling, the drawn one when
                    ///< generating
  kMaxProbability,  ///< max over codes of log P(code)
  kEntropy,         ///< minus the entropy of the code
  kMargin,          ///< log P of the most likely code minus log P of the second
};

/// `likelihood`, `max_probability`, `entropy` or `margin`; else std::invalid_argument.
Confidence confidence_from_name(const std::string& name);

/// float32 [B, R] of `log_probabilities` [B, R, V]; `codes` [B, R] is read by kLikelihood only.
torch::Tensor confidence_of(Confidence kind, const torch::Tensor& log_probabilities,
                            const torch::Tensor& codes);

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

/// One batch of images, placed patch by patch.
struct Rollout {
  torch::Tensor position_at;     ///< int64 [B, N], the patch of each step
  torch::Tensor codes;           ///< int64 [B, N], by position
  torch::Tensor log_likelihood;  ///< float32 [B, N], by step: log P(code) at temperature 1, nats
};

/// Places all N patches of a batch in the order `policy` says.
///
/// A learned order scores every open patch at each step: all N - t candidates in one call of the
/// scorer, rows dense. A fixed order scores one. With Confidence::kLikelihood and drawn codes the
/// code of each candidate is drawn before the choice; with the other confidences after it, so that
/// the codes are samples of the model exactly.
///
/// Shapes  `images` int64 [B] on the CPU, the key of each image's random numbers. Results on the
/// CPU. Errors  std::invalid_argument if the model's logits are not finite. Source  arXiv
/// 2504.17069v1, likelihood at all remaining positions in parallel.
Rollout roll_out(StepScorer& scorer, const OrderPolicy& policy, Confidence confidence,
                 const CodeSource& code_source, const torch::Tensor& images);

}  // namespace oar
