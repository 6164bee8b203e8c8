#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "harness/orders/order_file.h"

namespace oar {

/// Orders of the same images in the same rows.
struct MatchedOrders {
  Grid grid;
  torch::Tensor a, b;                    ///< int64 [B, N], position_at
  int64_t only_in_a = 0, only_in_b = 0;  ///< images left out because the other has no order of them
};

/// A set of orders and what it is called in messages.
struct NamedOrders {
  std::string name;
  OrderSet orders;
};

/// Matches two sets by the numbers of their images, or row by row where neither has numbers. A set
/// of one order without a number stands for all images.
///
/// Errors  std::invalid_argument for different grids, sets of different sizes without numbers, a
///         set with and one without, or no image in common.
MatchedOrders match_orders(const NamedOrders& a, const NamedOrders& b);

}  // namespace oar
