#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "reports/file_text.h"

namespace oar {

/// Writes the report of `results`, which lie in `folder`, into `out` (often the same):
///
///     report.html     one file that needs nothing else
///     report.md       the same for terminals and version control; its pictures are in figures/
///     tables/*.csv    every table, and records.csv with every number of every cell
///     tables/*.tex    every table, ready to be pasted; tables.json lists the files
///     figures/*       every picture as PNG, SVG and PDF, animations as GIF, and figures.json
///
/// Tables and pictures that the last report there had and this one has not are removed, and nothing
/// else. Returns what to tell the user of pictures that could not be drawn, which the report says
/// as well; empty if there are none. A report without pictures is whole.
///
/// Errors  std::system_error with the path; what `write` throws.
std::string write_report(const nlohmann::json& results, const std::filesystem::path& folder,
                         const std::filesystem::path& out, const WriteText& write);

/// The files of tables/ by name, but for the list of them.
///
/// Errors  none for any JSON value.
std::map<std::string, std::string> render_tables(const nlohmann::json& results);

}  // namespace oar
