#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "orders/order_policy.h"

namespace oar {

/// The fixed policy that generates every image in the one order `position_at`, of all N patches.
std::unique_ptr<OrderPolicy> same_for_all(const OrderConfig& config,
                                          const std::vector<int64_t>& position_at);

/// All positions of `grid`, lowest rank(row, col) first; patches of one rank in raster order.
std::vector<int64_t> sorted_by(const Grid& grid,
                               const std::function<int64_t(int64_t row, int64_t col)>& rank);

}  // namespace oar
