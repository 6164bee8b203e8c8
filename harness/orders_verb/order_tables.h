#pragma once

#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <string>

#include "orders/grid.h"

namespace oar {

// What `oar-bench orders` shows to people, out of the records it prints with --json.

/// A record of order_record(): a line for each number, the histogram as bars, the mean step of each
/// cell, and the failure signatures that are present. `peeks` marks likelihoods that are no bound.
std::string render_statistics(const nlohmann::json& record, bool peeks);

/// The grid with the step of each patch: int64 [N].
std::string render_steps(const torch::Tensor& step_of, const Grid& grid);

/// An array of image_records(), one line each.
std::string render_images(const nlohmann::json& records);

/// A record of comparison_record().
std::string render_comparison(const nlohmann::json& record);

/// Members of a search's record, and of its agreement with the exact one unless that is null.
std::string render_search(const nlohmann::json& search, const nlohmann::json& agreement);

}  // namespace oar
