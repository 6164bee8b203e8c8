#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/reports/example_results.h"

namespace oar::example {

/// A record with one row for each entry of `fids`, one cell for each seed; a value that is null
/// stands for a cell that diverged.
inline json fid_results(const std::vector<std::pair<std::string, std::vector<json>>>& fids) {
  std::vector<json> cells;
  for (const auto& [recipe, values] : fids) {
    for (size_t seed = 0; seed < values.size(); ++seed) {
      const bool done = !values[seed].is_null();
      json cell = example::cell(recipe, static_cast<int>(seed),
                                done ? json::array({fid(values[seed])}) : json::array());
      cells.push_back(done ? cell : failed(cell, "diverged", "the loss is not finite"));
    }
  }
  return results(std::move(cells));
}

/// The same keys of stages in every record: what was computed is the same.
inline json with_keys(json results) {
  for (json& cell : results["cells"]) {
    cell["stages"].push_back(stage("scores", std::string(60, 'a') + cell["seed"].dump(), 1.0));
  }
  return results;
}

inline json with_gates(json results, json gates) {
  results["gates"] = std::move(gates);
  return results;
}

inline json regression_gate(double size, bool relative) {
  return {{"metric", "fid"}, {"max_regression", size}, {"relative", relative}};
}

}  // namespace oar::example
