#include "orders/same_for_all.h"

namespace oar {

/// One uniformly random order for all images: the control that tells the effect of an unusual order
/// from that of a new one for every image. Drawn by `order_seed` alone; neither `seed`, `stream`
/// nor λ changes it.
///
/// Source  taming-transformers, Random, whose order is another one (numpy's generator).
std::unique_ptr<OrderPolicy> make_random_fixed(const OrderConfig& config) {
  OrderConfig drawn;
  drawn.name = "random";
  drawn.grid = config.grid;
  drawn.seed = config.order_seed;
  drawn.stream = Stream::kFixedOrder;
  const torch::Tensor order = make_order(drawn)->position_at(torch::zeros({1}, torch::kInt64))[0];
  const auto* first = order.const_data_ptr<int64_t>();
  return same_for_all(config, {first, first + order.size(0)});
}

}  // namespace oar
