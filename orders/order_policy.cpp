#include "orders/order_policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace oar {

#define ORDER(name, summary, checked) std::unique_ptr<OrderPolicy> make_##name(const OrderConfig&);
#include "orders/registry.def"
#undef ORDER

torch::Tensor OrderPolicy::position_at(const OrderRequest&) const {
  throw std::logic_error(fmt::format(
      "order \"{}\" is decided step by step; it has no position_at() before the first patch",
      name()));
}

torch::Tensor OrderPolicy::choose(const StepState& state) const {
  return position_at(state.images).select(1, state.step).to(state.filled.device());
}

torch::Tensor OrderPolicy::next(const StepState& state) const {
  const int64_t n = config_.grid.size();
  if (state.filled.dim() != 2 || state.filled.size(1) != n) {
    throw std::invalid_argument(fmt::format(
        "order \"{}\": `filled` must be [B, {}] for a {}x{} grid, got [{}]", name(), n,
        config_.grid.rows, config_.grid.cols, fmt::join(state.filled.sizes().vec(), ", ")));
  }
  if (state.step >= n) {
    throw std::logic_error(
        fmt::format("order \"{}\": all {} patches are placed, there is no next one", name(), n));
  }
  if (is_learned() &&
      (!state.confidence.defined() || state.confidence.sizes() != state.filled.sizes())) {
    throw std::invalid_argument(
        fmt::format("order \"{}\" ranks open patches and needs `confidence` [B, {}]", name(), n));
  }
  return choose(state);
}

std::unique_ptr<OrderPolicy> make_order(const OrderConfig& config) {
  if (config.grid.rows < 1 || config.grid.cols < 1) {
    throw std::invalid_argument(fmt::format("an order needs a grid of at least 1x1, got {}x{}",
                                            config.grid.rows, config.grid.cols));
  }
  if (!(config.distance_penalty >= 0)) {
    throw std::invalid_argument(fmt::format(
        "distance_penalty must be >= 0, got {}; use 0 to switch it off", config.distance_penalty));
  }
#define ORDER(order_name, summary, checked) \
  if (config.name == #order_name) return make_##order_name(config);
#include "orders/registry.def"
#undef ORDER
  std::vector<std::string> known;
#define ORDER(order_name, summary, checked) known.emplace_back(#order_name);
#include "orders/registry.def"
#undef ORDER
  throw std::invalid_argument(fmt::format("no order policy is called \"{}\"; known: {}",
                                          config.name, fmt::join(known, ", ")));
}

std::vector<OrderInfo> list_orders() {
  std::vector<OrderInfo> orders;
#define ORDER(order_name, summary) orders.push_back({#order_name, summary, false});
#include "orders/registry.def"
#undef ORDER
  for (OrderInfo& info : orders) {
    OrderConfig config;
    config.name = info.name;
    config.grid = Grid{1, 1};
    const auto policy = make_order(config);
    info.is_learned = policy->is_learned();
    info.own_confidence = policy->own_confidence();
  }
  return orders;
}

}  // namespace oar
