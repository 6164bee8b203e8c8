#pragma once

#include "orders/choose_next.h"
#include "orders/order_policy.h"

namespace oar {

/// What all learned orders share: the open patch of the highest score goes next, where
///
///     score(p) = confidence(p) - λ · distance(last, p)
///
/// and the first patch, having no last one, pays no distance. What the confidence is, the search
/// decides by own_confidence() or the recipe's option.
///
/// Source  arXiv 2504.17069v1, order rule with distance regularisation.
class LearnedOrder : public OrderPolicy {
 public:
  explicit LearnedOrder(const OrderConfig& config, std::optional<Confidence> confidence = {})
      : OrderPolicy(config),
        confidence_(confidence),
        penalty_(distance_table(config.grid, config.distance)
                     .mul_(config.distance_penalty)
                     .to(torch::kFloat32)) {}

  bool is_learned() const override { return true; }
  std::optional<Confidence> own_confidence() const override { return confidence_; }
  torch::Tensor greedy_penalty() const override { return penalty_; }

 protected:
  torch::Tensor choose(const StepState& state) const override {
    return choose_next(state.confidence, state.filled, state.last,
                       penalty_.to(state.filled.device()));
  }

 private:
  std::optional<Confidence> confidence_;
  torch::Tensor penalty_;  // float32 [N, N], nats
};

}  // namespace oar
