#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/orders/order_file.h"
#include "harness/store/progress.h"
#include "orders/rollout.h"

namespace oar {

/// Whose orders are searched for, by which model, and how.
struct ExtractOptions {
  std::filesystem::path run;              ///< folder of a results.json
  std::string cell;                       ///< see open_finished_cell()
  std::filesystem::path store = "store";  ///< what the sweep ran with
  std::string model = "any_order";        ///< role of the model in the cell
  std::string split = "held_out";
  int64_t max_images = 100;  ///< 0: all of the split

  std::string order = "oar";
  std::string confidence = "max_probability";  ///< of orders that have none of their own
  double distance_penalty = 0.0;               ///< λ, nats per patch
  std::string distance = "euclidean";
  double order_temperature = 1.0;  ///< `sampled`
  uint64_t seed = 0;               ///< `sampled` and random orders
  SearchOptions search;

  std::string memory = "2GiB";
  std::string device = "auto";
  bool compare_exact = false;  ///< searches exactly too, and compares
};

/// Orders of images of a finished run.
struct Extraction {
  OrderSet orders;
  nlohmann::json search;     ///< what was searched, with what, for how long
  nlohmann::json agreement;  ///< with the exact search; null unless it was asked for
};

/// Searches the orders of the cell's images. `agreement` holds Kendall's τ of the two searches,
/// nats of each, and how many times more token evaluations and seconds the exact one took.
///
/// Errors  std::invalid_argument for options out of range, the order `from_file`, a comparison of
/// the exact search with
///         itself, or a memory budget that is too small, naming one that works; those of
///         open_finished_cell(); BadData for a split without images; Interrupted.
Extraction extract_orders(const ExtractOptions& options, Progress& progress);

}  // namespace oar
