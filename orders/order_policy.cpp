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

namespace {

/// Refuses what no policy could use, whichever is asked for.
void check_settings(const OrderConfig& config) {
  const Grid& grid = config.grid;
  const auto refuse = [](const std::string& why) { throw std::invalid_argument(why); };
  if (grid.rows < 1 || grid.cols < 1) {
    refuse(fmt::format("an order needs a grid of at least 1x1, got {}x{}", grid.rows, grid.cols));
  }
  if (!(config.distance_penalty >= 0)) {
    refuse(fmt::format("distance_penalty must be >= 0, got {}; use 0 to switch it off",
                       config.distance_penalty));
  }
  if (!(config.order_temperature > 0)) {
    refuse(fmt::format("order_temperature must be > 0, got {}; 1 is the softmax itself",
                       config.order_temperature));
  }
  if (!(0 <= config.anneal_start && config.anneal_start <= config.anneal_end &&
        config.anneal_end <= 1)) {
    refuse(fmt::format(
        "anneal_start and anneal_end must be shares of the training, 0 <= start <= end <= 1, got "
        "{} and {}; RAR has 0.5 and 0.75",
        config.anneal_start, config.anneal_end));
  }
  if (config.groups < 0 || config.groups > grid.size()) {
    refuse(
        fmt::format("groups must be 0 .. {}, the patches of a {}x{} grid, got {}; 0 takes as "
                    "many as LPD",
                    grid.size(), grid.rows, grid.cols, config.groups));
  }
}

}  // namespace

std::unique_ptr<OrderPolicy> make_order(const OrderConfig& config) {
  check_settings(config);
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
#define ORDER(order_name, summary, checked) \
  orders.push_back({#order_name, summary, checked, false, {}, false});
#include "orders/registry.def"
#undef ORDER
  for (OrderInfo& info : orders) {
    OrderConfig config;
    config.name = info.name;
    config.grid = Grid{1, 1};
    try {
      make_order(config);
    } catch (const std::invalid_argument&) {
      info.reads_file = true;
      config.given = torch::zeros({1, 1}, torch::kInt64);
    }
    const auto policy = make_order(config);
    info.is_learned = policy->is_learned();
    info.own_confidence = policy->own_confidence();
  }
  return orders;
}

std::optional<OrderInfo> find_order(std::string_view name) {
  static const std::vector<OrderInfo> orders = list_orders();  // it makes each of them to ask it
  for (const OrderInfo& info : orders) {
    if (info.name == name) return info;
  }
  return std::nullopt;
}

}  // namespace oar
