#include "harness/orders/order_checks.h"

#include <fmt/format.h>

#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "datasets/dataset.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kLongestShown = 60;

void check_permutation(const int64_t* positions, int64_t n, const std::string& where) {
  std::vector<int64_t> step(n, -1);
  for (int64_t t = 0; t < n; ++t) {
    const int64_t p = positions[t];
    if (p < 0 || p >= n) {
      throw BadData(
          fmt::format("{}: position_at[{}] is {}; accepted: 0 .. {}", where, t, p, n - 1));
    }
    if (step[p] >= 0) {
      throw BadData(
          fmt::format("{}: patch {} is placed at step {} and again at step {}; accepted: "
                      "each of 0 .. {} once",
                      where, p, step[p], t, n - 1));
    }
    step[p] = t;
  }
}

Grid checked_grid(const json& rows, const json& cols, const std::string& where) {
  const auto is_side = [](const json& side) {
    return side.is_number_integer() && side >= 1 && side <= kMaxPatches;
  };
  if (!is_side(rows) || !is_side(cols) || rows.get<int64_t>() * cols.get<int64_t>() > kMaxPatches) {
    throw BadData(
        fmt::format("{}: rows {} and cols {}; accepted: integers >= 1, at most {} patches", where,
                    shown_value(rows), shown_value(cols), kMaxPatches));
  }
  return {rows, cols};
}

}  // namespace

OrderHeader checked_header(const json& fields, const std::string& where) {
  const auto refuse = [&](const char* name, const char* accepted) {
    throw BadData(fmt::format("{}: {} is {}; accepted: {}", where, name,
                              shown_value(fields.at(name)), accepted));
  };
  const auto has = [&](const char* name) {
    return fields.contains(name) && !fields.at(name).is_null();
  };
  if (has("schema_version") && fields.at("schema_version") != 1) refuse("schema_version", "1");
  if (has("order") && !fields.at("order").is_string()) refuse("order", "the name of a policy");
  if (has("peeks") && !fields.at("peeks").is_boolean()) refuse("peeks", "true, false");
  OrderHeader header;
  if (has("rows") || has("cols")) {
    header.grid = checked_grid(fields.value("rows", json()), fields.value("cols", json()), where);
  }
  if (has("order")) header.order = fields.at("order");
  if (has("peeks")) header.peeks = fields.at("peeks").get<bool>();
  return header;
}

Grid agreed_grid(std::optional<Grid> stated, std::optional<Grid> given, const std::string& file,
                 int64_t patches) {
  if (!stated && !given) {
    throw BadData(fmt::format(
        "{}: orders of {} patches, and nothing says of which grid; accepted: a first "
        "line {{\"schema_version\": 1, \"rows\": R, \"cols\": C}} (safetensors: metadata "
        "rows and cols), or --grid RxC",
        file, patches));
  }
  if (stated && given && *stated != *given) {
    throw std::invalid_argument(fmt::format("{}: orders of a {}x{} grid, not of {}x{}", file,
                                            stated->rows, stated->cols, given->rows, given->cols));
  }
  return stated ? *stated : *given;
}

void check_orders(const OrderSet& orders, const WhereIsOrder& where) {
  const int64_t n = orders.grid.size();
  const int64_t* positions = orders.position_at.const_data_ptr<int64_t>();
  std::unordered_map<int64_t, int64_t> row_of;
  for (int64_t i = 0; i < orders.position_at.size(0); ++i) {
    check_permutation(positions + i * n, n, where(i));
    if (!orders.image.defined()) continue;
    const int64_t image = orders.image.const_data_ptr<int64_t>()[i];
    if (image < 0) {
      throw BadData(fmt::format("{}: image is {}; accepted: integers >= 0", where(i), image));
    }
    if (const auto [first, is_new] = row_of.emplace(image, i); !is_new) {
      throw BadData(fmt::format("{}: image {} has an order already, {}; accepted: one each",
                                where(i), image, where(first->second)));
    }
  }
  if (!orders.log_likelihood.defined()) return;
  const torch::Tensor bad = orders.log_likelihood.isfinite().logical_not().any(1).nonzero();
  if (bad.size(0) > 0) {
    throw BadData(fmt::format("{}: a log_likelihood is not finite; accepted: numbers, in nats",
                              where(bad[0].item<int64_t>())));
  }
}

std::string shown_value(const json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  if (text.size() > kLongestShown) {
    text.resize(kLongestShown);
    text += "...";
  }
  return text;
}

}  // namespace oar
