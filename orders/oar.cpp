#include "orders/choose_next.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

/// The paper's rule: the most likely of all open patches goes next, λ times the distance to the
/// last patch taken off. The first patch has no last one, so no distance is taken off there.
class Oar : public OrderPolicy {
 public:
  explicit Oar(const OrderConfig& config)
      : OrderPolicy(config),
        penalty_(distance_table(config.grid, config.distance)
                     .mul_(config.distance_penalty)
                     .to(torch::kFloat32)) {}
  bool is_learned() const override { return true; }

 protected:
  torch::Tensor choose(const StepState& state) const override {
    return choose_next(state.confidence, state.filled, state.last,
                       penalty_.to(state.filled.device()));
  }

 private:
  torch::Tensor penalty_;  // float32 [N, N], nats
};

}  // namespace

std::unique_ptr<OrderPolicy> make_oar(const OrderConfig& config) {
  return std::make_unique<Oar>(config);
}

}  // namespace oar
