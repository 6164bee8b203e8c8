#pragma once

#include <cstdint>
#include <vector>

#include "harness/stages/artifacts.h"
#include "harness/stages/environment.h"
#include "models/any_order/cached_scorer.h"
#include "orders/order_policy.h"
#include "orders/rollout.h"

namespace oar {

/// Who searches the orders of images whose codes are known, and how.
struct Labeller {
  Transformer model{nullptr};
  Transformer placer{nullptr};  ///< chooses the places where it is not the model itself
  const OrderPolicy& policy;
  RolloutOptions options;
  Environment environment;

  /// Images that fit into the memory budget together, at most `wanted`.
  int64_t images_together(int64_t wanted) const;

  /// Memory, guidance and look-ahead of the searches; conditions are the caller's.
  ScorerOptions scorer_options() const;

  /// The orders of images with these codes int64 [B, N] and conditions int64 [B] or [B, L] (not
  /// defined: none), all at once; `images` int64 [B] are the keys of their random numbers.
  Rollout label(const torch::Tensor& codes, const torch::Tensor& condition,
                const torch::Tensor& images) const;

  /// How an approximate search compares with the exact one, on the first of these images and with
  /// the same model: Kendall's τ of the orders, both likelihoods, and what was saved. Null where
  /// the search is exact.
  nlohmann::json agreement(const torch::Tensor& codes, const torch::Tensor& condition,
                           const torch::Tensor& images) const;
};

/// Mean over images of -Σ log P. Shapes  float [B, N]. Units  nats per image.
double mean_nats(const torch::Tensor& log_likelihood);

/// The same for any number of images, in chunks that survive an interruption: `image` int64 [M],
/// `log_likelihood` float32 [M, N] by step, `position_at` int16 [M, N]. `conditions` are those of
/// the whole index (conditions_of()).
TensorMap label_images(StageContext& context, const Labeller& labeller, const TokenGrids& tokens,
                       const torch::Tensor& conditions, const std::vector<int64_t>& images);

}  // namespace oar
