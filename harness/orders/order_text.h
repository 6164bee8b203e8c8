#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/orders/order_file.h"

namespace oar {

/// Reads orders of a text, JSON Lines or written by hand: read_orders() says what is accepted.
///
/// Errors  as read_orders().
OrderSet parse_order_text(std::string_view text, const std::string& file,
                          std::optional<Grid> grid = {});

/// Orders as JSON Lines, floats with the fewest digits that read back as the same float32.
std::string order_text(const OrderSet& orders);

}  // namespace oar
