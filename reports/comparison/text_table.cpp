#include "reports/comparison/text_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/text.h"

namespace oar {

using report::width_of;

std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows, size_t left) {
  std::vector<size_t> widths;
  for (const std::string& name : header) widths.push_back(width_of(name));
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string table;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - width_of(row[c]), ' ');
      const bool stands_left = c < left || c + 1 == row.size();
      line += (c == 0 ? "" : "  ") + (stands_left ? row[c] + space : space + row[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + "\n";
  };
  add(header);
  std::string rule;
  for (size_t c = 0; c < widths.size(); ++c) {
    rule += (c == 0 ? "" : "  ") + std::string(widths[c], '-');
  }
  table += rule + "\n";
  for (const auto& row : rows) add(row);
  return table;
}

std::string p_text(double p) { return p < 0.001 ? "<0.001" : fmt::format("{:.2g}", p); }

std::string percent_text(double share) { return fmt::format("{:.3g}%", 100.0 * share); }

}  // namespace oar
