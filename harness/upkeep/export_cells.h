#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/store/progress.h"

namespace oar {

struct ExportOptions {
  std::filesystem::path run;       ///< folder of the results.json
  std::filesystem::path store;     ///< the store it ran with
  std::vector<std::string> cells;  ///< as open_finished_cell() takes them; empty: all
  std::filesystem::path out;       ///< what is made: results.json and store/
};

struct ExportReport {
  int64_t cells = 0, artifacts = 0, bytes = 0;  ///< `artifacts` and `bytes`: copied now
};

/// Copies cells with all that they were made from: a small store and a results.json of these cells
/// alone, for use with --run and --store on another machine. No artifact holds a path, so it may
/// lie anywhere, and a run of the same sweep over it finds every stage cached. A data set on disk
/// is not copied: its own folder is named by the recipe.
///
/// Each artifact is copied under a temporary name, hashed anew and then renamed. What `out` holds
/// already is left as it is, so an export that was interrupted continues.
///
/// Errors  std::invalid_argument if a cell does not fit, or `out` holds another record; BadData if
///         an artifact is missing or damaged; Interrupted; std::system_error with the path.
ExportReport export_cells(const ExportOptions& options, Progress& progress);

}  // namespace oar
