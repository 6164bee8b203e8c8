#include "orders/learned_order.h"

namespace oar {

/// The patch whose code is the least uncertain first.
std::unique_ptr<OrderPolicy> make_least_entropy(const OrderConfig& config) {
  return std::make_unique<LearnedOrder>(config, Confidence::kEntropy);
}

}  // namespace oar
