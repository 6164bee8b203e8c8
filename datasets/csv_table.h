#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// A table of comma-separated text with a header line.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< each as long as `columns`

  /// Position of a column, columns.size() if there is none of that name.
  size_t column(std::string_view name) const;
};

/// Splits one line into exactly `columns` fields.
///
/// A field in quotes may hold commas, and "" for a quote; a quote that never closes is an ordinary
/// character. The last field takes the rest of the line, commas included: product names in Kaggle's
/// styles.csv have commas and no quotes around them. Fields a short line lacks are empty.
std::vector<std::string> split_csv_line(std::string_view line, size_t columns);

/// Reads a table: one row a line, blank lines skipped, Windows line ends and a byte-order mark
/// allowed, bytes that are not UTF-8 replaced.
///
/// Errors  BadData if the file is empty; std::system_error if it cannot be read.
CsvTable read_csv(const std::filesystem::path& path);

}  // namespace oar
