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

  /// The orders of these images of the data set, all at once.
  Rollout label(const DatasetIndex& index, const TokenGrids& tokens,
                const std::vector<int64_t>& images) const;

 private:
  ScorerOptions scorer_options() const;
};

/// The same for any number of images, in chunks that survive an interruption: `image` int64 [M],
/// `log_likelihood` float32 [M, N] by step, `position_at` int16 [M, N].
TensorMap label_images(StageContext& context, const Labeller& labeller, const DatasetIndex& index,
                       const TokenGrids& tokens, const std::vector<int64_t>& images);

}  // namespace oar
