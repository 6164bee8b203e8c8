#pragma once

#include "orders/order_policy.h"

namespace oar {

/// Refuses orders `config.given` that are none of the grid: for policies that are given theirs.
///
/// Errors  std::invalid_argument if there are none, a row is no permutation or has another length
///         than the grid, or `given_image` does not number them.
void check_given_orders(const OrderConfig& config);

}  // namespace oar
