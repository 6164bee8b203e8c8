#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "harness/orders/order_file.h"

namespace oar {

// What every format of orders is held to.

inline constexpr int64_t kMaxPatches = 32767;  ///< of a grid: positions are stored as int16

/// Where an order stands: "orders.jsonl:3", or "orders.safetensors: row 2".
using WhereIsOrder = std::function<std::string(int64_t row)>;

/// What a file states about all of its orders.
struct OrderHeader {
  std::optional<Grid> grid;
  std::string order;
  std::optional<bool> peeks;
};

/// The header with these fields; those that are not there, or null, are not known.
///
/// Errors  BadData, with `where`, for a schema_version other than 1, rows and cols that are not
///         both integers >= 1 of a grid of at most kMaxPatches, an order that is no text, or peeks
///         other than true and false.
OrderHeader checked_header(const nlohmann::json& fields, const std::string& where);

/// The grid that the file states, or else the one that the caller gives.
///
/// Errors  BadData where there is neither, std::invalid_argument where they differ.
Grid agreed_grid(std::optional<Grid> stated, std::optional<Grid> given, const std::string& file,
                 int64_t patches);

/// Refuses orders that are no permutations, images that are negative or come twice, and
/// log-likelihoods that are not finite. The tensors' shapes and types are right.
///
/// Errors  BadData for the first of them.
void check_orders(const OrderSet& orders, const WhereIsOrder& where);

/// A JSON value as messages show it: on one line, and not too long.
std::string shown_value(const nlohmann::json& value);

}  // namespace oar
