#include "datasets/csv_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "datasets/dataset.h"
#include "datasets/image_file.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

struct QuotedField {
  std::string text;
  size_t end;  ///< position after the closing quote
};

/// The quoted field that `line` starts with; none unless its closing quote ends the field.
std::optional<QuotedField> quoted_field(std::string_view line) {
  if (!line.starts_with('"')) return std::nullopt;
  std::string text;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] != '"') {
      text += line[i];
    } else if (i + 1 < line.size() && line[i + 1] == '"') {
      text += line[i++];
    } else if (i + 1 == line.size() || line[i + 1] == ',') {
      return QuotedField{text, i + 1};
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

size_t CsvTable::column(std::string_view name) const {
  return std::find(columns.begin(), columns.end(), name) - columns.begin();
}

std::vector<std::string> split_csv_line(std::string_view line, size_t columns) {
  std::vector<std::string> fields;
  while (fields.size() < columns) {
    const bool is_last = fields.size() + 1 == columns;
    std::optional<QuotedField> quoted = quoted_field(line);
    if (quoted && is_last && quoted->end != line.size()) quoted.reset();
    const size_t end = quoted ? quoted->end : is_last ? line.size() : line.find(',');
    fields.push_back(trimmed(quoted ? std::string_view(quoted->text) : line.substr(0, end)));
    if (end >= line.size()) break;
    line.remove_prefix(end + 1);
  }
  fields.resize(columns);
  return fields;
}

CsvTable read_csv(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_bytes(path);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  CsvTable table;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trimmed(line).empty()) continue;
    const std::string text = as_utf8(line);
    if (table.columns.empty()) {
      table.columns = split_csv_line(text, std::count(text.begin(), text.end(), ',') + 1);
    } else {
      table.rows.push_back(split_csv_line(text, table.columns.size()));
    }
  }
  if (table.columns.empty()) {
    throw BadData(fmt::format(
        "\"{}\" is empty; it must start with a line of column names. Copy the file again.",
        path.string()));
  }
  return table;
}

}  // namespace oar
