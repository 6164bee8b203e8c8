#include <iterator>

#include "orders/same_for_all.h"

namespace oar {

/// `spiral_in` backwards: from the centre clockwise to the bottom-right corner.
///
/// Source  taming-transformers, SpiralOut (squares of even side).
std::unique_ptr<OrderPolicy> make_spiral_out(const OrderConfig& config) {
  OrderConfig inwards = config;
  inwards.name = "spiral_in";
  const torch::Tensor in = make_order(inwards)->position_at(torch::zeros({1}, torch::kInt64))[0];
  const auto* first = in.const_data_ptr<int64_t>();
  return same_for_all(
      config, {std::make_reverse_iterator(first + in.size(0)), std::make_reverse_iterator(first)});
}

}  // namespace oar
