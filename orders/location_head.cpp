#include "orders/learned_order.h"

namespace oar {

/// The patch that a model with a location head says is next.
std::unique_ptr<OrderPolicy> make_location_head(const OrderConfig& config) {
  return std::make_unique<LearnedOrder>(config, Confidence::kLocation);
}

}  // namespace oar
