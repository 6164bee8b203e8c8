#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "harness/run/results.h"

namespace oar {

/// Lays what pictures need beside the record in `out`, so that a report needs no store: the first
/// generated images of each cell and the orders they were made in, and what its tokenizer makes of
/// some images. Each cell of `results` that has them gets `samples` and `reconstructions`
/// (reports/README.md); `outcomes` go with its cells. Files are called after keys, and those that
/// are there already stay. Of codes without images there are orders only.
///
/// Errors  std::system_error with the path where a file cannot be read or written; BadData and
///         BadWeights where an artifact is not what a stage writes.
void add_exhibits(nlohmann::json& results, const std::vector<CellOutcome>& outcomes,
                  const std::filesystem::path& out);

/// Copies the exhibits that the cells of `results` name from one folder into another, each under a
/// temporary name first. What is there stays; one that is missing is left out: reports do without.
///
/// Errors  std::system_error with the path.
void copy_exhibits(const nlohmann::json& results, const std::filesystem::path& run,
                   const std::filesystem::path& out);

}  // namespace oar
