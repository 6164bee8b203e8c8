#include "orders/learned_order.h"

namespace oar {

/// The paper's rule: most confident first, by whatever the recipe calls confidence.
std::unique_ptr<OrderPolicy> make_oar(const OrderConfig& config) {
  return std::make_unique<LearnedOrder>(config);
}

}  // namespace oar
