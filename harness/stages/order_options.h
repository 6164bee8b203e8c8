#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "orders/order_policy.h"
#include "orders/rollout.h"

namespace oar {

// How recipes say orders. A stage's configuration holds no more than its order reads: cells that
// differ in nothing else share the stage.

/// The order of `relabel` or `generate`, whose options are all in `section`.
///
/// Errors  std::invalid_argument or std::system_error if `order_file` is needed and cannot be read.
nlohmann::json search_identity(const nlohmann::json& section);

/// The order of `train`: its options, and how long and how fast the training goes.
///
/// Errors  as search_identity(); std::invalid_argument for a learned order.
nlohmann::json training_identity(const nlohmann::json& section);

/// The policy of a stage's configuration; `order_file` is read where the order is `from_file`.
///
/// Errors  those of read_orders() and make_order(); BadData if the file is no longer the one that
///         the configuration was made for.
OrderConfig order_config_from(const nlohmann::json& config, const Grid& grid, uint64_t seed,
                              const std::string& order_file);

/// What ranks patches, and which of them are scored.
RolloutOptions rollout_options_from(const nlohmann::json& config);

/// True where an order that labels images looked at codes it had not yet placed.
bool peeks(const OrderPolicy& policy, const RolloutOptions& options);

}  // namespace oar
