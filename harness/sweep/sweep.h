#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/sweep/gates.h"
#include "harness/sweep/matrix.h"
#include "harness/sweep/recipe.h"

namespace oar {

/// One point of a sweep: a resolved recipe under one seed.
struct Cell {
  std::string
      id;  ///< `recipe=oar,model.next_encoding=relative,seed=0`, for people; never part of a path
  std::map<std::string, nlohmann::json> labels;  ///< "recipe", matrix and include keys -> value
  int64_t seed = 0;
  Recipe recipe;
};

/// A checked sweep, ready to run.
struct Sweep {
  std::string name;
  std::vector<Cell> cells;       ///< first axis slowest, seeds fastest, added includes last
  std::string rows;              ///< label (or "seed") that a report's rows follow
  std::string columns;           ///< label (or "seed") that its columns follow; empty: the metrics
  bool fail_fast = false;        ///< a cell that fails ends the sweep
  int64_t max_parallel = 1;      ///< worker processes where the command line names no number
  bool stop_on_diverge = false;  ///< a cell that diverges ends the sweep
  std::optional<Combination> baseline;  ///< labels of the cells that others are compared with
  std::vector<Gate> gates;              ///< what a comparison must keep to
};

/// Reads and checks a whole sweep before the first second of work.
///
///     {"version": 1, "name": "...",
///      "defaults": {...}, "recipes": {"oar": {...}, ...},
///      "matrix": {"recipe": [...], "model.next_encoding": [...]},
///      "include": [...], "exclude": [...], "seeds": [0],
///      "strategy": {"fail_fast": false, "max_parallel": 1, "on_diverge": "record"},
///      "baseline": {"recipe": ...}, "gates": [{"metric": "fid", "max_regression": "3%"}],
///      "report": {"rows": ..., "columns": ...}}
///
/// Only `version` is required. Later ones win: defaults, the cell's recipe, matrix, include, `set`.
/// Options may be dotted keys or nested objects, in each of them. Without a `recipe` axis every
/// recipe is run, in the written order. `"relabel": null` switches fine-tuning off; in `defaults`
/// and `recipes` a later object or dotted key switches it on again, on an axis only an object does.
/// `set` holds `key=value` arguments, the value JSON or else a text; `relabel.*` applies to the
/// cells that have a relabel. Keys that begin with `x-` are ignored.
///
/// Errors  std::invalid_argument with every mistake: unknown keys and values, options that
/// contradict
///         each other, an `exclude` that drops nothing, a `baseline` that fits no cell, a `set` of
///         a key that the matrix varies, two cells that compute the same, more than kMaxCells.
///         std::system_error if the file cannot be read.
Sweep read_sweep(const std::filesystem::path& path, const std::vector<std::string>& set,
                 const KnownNames& known);

/// The same for a text; messages begin with `name`.
Sweep parse_sweep(std::string_view text, const std::string& name,
                  const std::vector<std::string>& set, const KnownNames& known);

/// Canonical JSON of what the cell computes: its recipe and seed, and no name, label or report.
std::string identity(const Cell& cell);

}  // namespace oar
