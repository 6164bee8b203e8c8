#include "harness/orders_verb/matched_orders.h"

#include <fmt/format.h>

#include <stdexcept>
#include <unordered_map>
#include <vector>

namespace oar {
namespace {

bool stands_for_all(const OrderSet& orders) {
  return !orders.image.defined() && orders.position_at.size(0) == 1;
}

MatchedOrders by_image(const OrderSet& a, const OrderSet& b) {
  std::unordered_map<int64_t, int64_t> row_in_b;
  for (int64_t i = 0; i < b.image.size(0); ++i) row_in_b.emplace(b.image[i].item<int64_t>(), i);
  std::vector<int64_t> rows_a, rows_b;
  for (int64_t i = 0; i < a.image.size(0); ++i) {
    const auto found = row_in_b.find(a.image[i].item<int64_t>());
    if (found == row_in_b.end()) continue;
    rows_a.push_back(i);
    rows_b.push_back(found->second);
  }
  const auto common = static_cast<int64_t>(rows_a.size());
  const auto select = [](const OrderSet& orders, const std::vector<int64_t>& rows) {
    return orders.position_at.index_select(0, torch::tensor(rows, torch::kInt64));
  };
  return {a.grid, select(a, rows_a), select(b, rows_b), a.image.size(0) - common,
          b.image.size(0) - common};
}

}  // namespace

MatchedOrders match_orders(const NamedOrders& a, const NamedOrders& b) {
  const OrderSet &first = a.orders, &second = b.orders;
  if (first.grid != second.grid) {
    throw std::invalid_argument(fmt::format(
        "{} has orders of a {}x{} grid and {} of {}x{}; only orders of one grid compare", a.name,
        first.grid.rows, first.grid.cols, b.name, second.grid.rows, second.grid.cols));
  }
  const torch::Tensor &orders_a = first.position_at, &orders_b = second.position_at;
  if (stands_for_all(second)) return {first.grid, orders_a, orders_b.expand_as(orders_a)};
  if (stands_for_all(first)) return {first.grid, orders_a.expand_as(orders_b), orders_b};
  if (first.image.defined() != second.image.defined()) {
    throw std::invalid_argument(
        fmt::format("{} says which images its orders are of, and {} does not; give both of them "
                    "image numbers, or neither",
                    (first.image.defined() ? a : b).name, (first.image.defined() ? b : a).name));
  }
  if (first.image.defined()) {
    MatchedOrders matched = by_image(first, second);
    if (matched.a.size(0) > 0) return matched;
    throw std::invalid_argument(fmt::format("{} and {} have no image in common", a.name, b.name));
  }
  if (orders_a.size(0) == orders_b.size(0)) return {first.grid, orders_a, orders_b};
  throw std::invalid_argument(fmt::format(
      "{} has {} orders and {} has {}, and none says of which image it is; give them image numbers",
      a.name, orders_a.size(0), b.name, orders_b.size(0)));
}

}  // namespace oar
