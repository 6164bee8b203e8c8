#include "orders/learned_order.h"

namespace oar {

/// The patch whose best code is the furthest ahead of its second first.
std::unique_ptr<OrderPolicy> make_largest_margin(const OrderConfig& config) {
  return std::make_unique<LearnedOrder>(config, Confidence::kMargin);
}

}  // namespace oar
