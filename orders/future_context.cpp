#include "orders/learned_order.h"

namespace oar {

/// The patch whose most likely code tells the most about the other open patches first.
std::unique_ptr<OrderPolicy> make_future_context(const OrderConfig& config) {
  return std::make_unique<LearnedOrder>(config, Confidence::kFutureContext);
}

}  // namespace oar
