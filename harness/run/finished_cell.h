#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/store/store.h"
#include "harness/sweep/recipe.h"

namespace oar {

/// A cell of a sweep that has run, and its artifacts in the store: what tools that work with a
/// trained model begin from.
class FinishedCell {
 public:
  /// A stage of the cell: its role, what made it, and under which key.
  struct Stage {
    std::string role, stage, key;
  };

  FinishedCell(std::string id, int64_t seed, Recipe recipe, std::vector<Stage> stages, Store store);

  const std::string& id() const { return id_; }
  int64_t seed() const { return seed_; }
  const Recipe& recipe() const { return recipe_; }

  /// Roles of the stages that made something called `stage`, in the order in which they ran:
  /// "specialist" and "specialist_2" of `specialist`.
  std::vector<std::string> roles_of(const std::string& stage) const;

  /// The folder of the artifact with this role.
  ///
  /// Errors  std::invalid_argument if the cell has no such role, listing those it has; BadData if
  ///         the store does not hold the artifact whole: which, and what to do.
  std::filesystem::path artifact(const std::string& role) const;

 private:
  std::string id_;
  int64_t seed_;
  Recipe recipe_;
  std::vector<Stage> stages_;
  Store store_;
};

/// The record of the run in this folder.
///
/// Errors  BadData if results.json is not one; std::system_error if it cannot be read.
nlohmann::json read_results(const std::filesystem::path& run);

/// Opens a cell of the run whose results.json lies in `run`.
///
/// `cell` is the cell's id, or labels that it alone has, with commas between them: `oar`,
/// `recipe=oar,seed=1`, `oar,seed=1`; it may be empty where the run has a single cell.
///
/// Errors  std::invalid_argument if no cell or several fit, listing them, or there is no store;
///         BadData if results.json is not one; std::system_error if it cannot be read.
FinishedCell open_finished_cell(const std::filesystem::path& run, const std::string& cell,
                                const std::filesystem::path& store);

}  // namespace oar
