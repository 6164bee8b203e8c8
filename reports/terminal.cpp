#include <fmt/format.h>

#include <algorithm>

#include "reports/fields.h"
#include "reports/report.h"
#include "reports/sections.h"

namespace oar {
namespace {

using nlohmann::json;
using report::entry_of;
using report::field;
using report::Group;
using report::Layout;
using report::MetricColumn;
using report::one_line;
using report::text;
using report::width_of;

constexpr size_t kWidestHeading = 16;
constexpr size_t kLongestReason = 200;

/// One column of text: its heading in lines, then its values.
struct TextColumn {
  std::vector<std::string> heading;
  std::vector<std::string> values;
  bool right = true;
};

/// Breaks a heading before "[" and at spaces, so that long names make tall columns and not wide
/// ones.
std::vector<std::string> wrapped(const std::string& heading) {
  std::vector<std::string> words(1);
  for (const char c : one_line(heading)) {
    if (c == ' ' || (c == '[' && !words.back().empty())) words.emplace_back();
    if (c != ' ') words.back() += c;
  }
  std::vector<std::string> lines(1);
  for (const std::string& word : words) {
    const std::string space = lines.back().empty() || word.front() == '[' ? "" : " ";
    // An arrow or a mark stays with the word it follows.
    const bool tag = width_of(word) == 1;
    if (lines.back().empty() || tag || width_of(lines.back() + space + word) <= kWidestHeading) {
      lines.back() += space + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

std::string padded(const std::string& value, size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(value)), ' ');
  return right ? space + value : value + space;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string joined(const std::vector<TextColumn>& columns) {
  std::vector<size_t> widths;
  size_t tallest = 0;
  for (const TextColumn& column : columns) {
    size_t width = 0;
    for (const std::string& line : column.heading) width = std::max(width, width_of(line));
    for (const std::string& value : column.values) width = std::max(width, width_of(value));
    widths.push_back(width);
    tallest = std::max(tallest, column.heading.size());
  }
  std::string table;
  for (size_t line = 0; line < tallest; ++line) {
    std::string row;
    for (size_t c = 0; c < columns.size(); ++c) {
      const size_t blank = tallest - columns[c].heading.size();  // headings stand on the rule
      row += (c == 0 ? "" : "  ") + padded(line < blank ? "" : columns[c].heading[line - blank],
                                           widths[c], columns[c].right);
    }
    table += without_trailing_spaces(row) + "\n";
  }
  std::string rule;
  for (size_t c = 0; c < columns.size(); ++c) {
    rule += c == 0 ? "" : "  ";
    for (size_t i = 0; i < widths[c]; ++i) rule += "─";
  }
  table += rule + "\n";
  for (size_t r = 0; r < columns.front().values.size(); ++r) {
    std::string row;
    for (size_t c = 0; c < columns.size(); ++c) {
      row += (c == 0 ? "" : "  ") + padded(columns[c].values[r], widths[c], columns[c].right);
    }
    table += without_trailing_spaces(row) + "\n";
  }
  return table;
}

std::string value_of(const Group& group, const MetricColumn& column) {
  if (group.done().empty()) return one_line(report::statuses_text(group));
  auto entry = entry_of(group, column, report::source_cell);
  entry.within = {};  // KID's subsets and IS's splits: in the report
  return report::entry_text(group, column, entry);
}

std::string table_of(const Layout& layout, const std::vector<const Group*>& groups) {
  std::vector<TextColumn> columns(2);
  columns[0] = {wrapped(layout.rows_label), {}, false};
  columns[1] = {{"seeds"}, {}, false};
  for (const Group* group : groups) {
    columns[0].values.push_back(one_line(group->row));
    columns[1].values.push_back(report::seeds_text(*group));
  }
  const std::vector<MetricColumn> metrics = report::columns_of(groups, report::is_sample_metric);
  for (const MetricColumn& metric : metrics) {
    columns.push_back({wrapped(metric.heading()), {}, true});
    for (const Group* group : groups) columns.back().values.push_back(value_of(*group, metric));
  }
  if (metrics.empty()) {
    columns.push_back({{"result"}, {}, false});
    for (const Group* group : groups) {
      columns.back().values.push_back(group->done().empty() ? report::statuses_text(*group)
                                                            : "no numbers");
    }
  }
  return joined(columns);
}

std::string failures(const Layout& layout) {
  std::string lines;
  for (const Group& group : layout.groups) {
    for (const json* cell : group.cells) {
      const std::string status = one_line(text(field(*cell, "status")));
      if (status == "done") continue;
      const std::string reason =
          report::shorten(one_line(text(field(*cell, "error"))), kLongestReason);
      lines += fmt::format("{}: {}: {}\n", status.empty() ? "no status" : status,
                           one_line(text(field(*cell, "id"))),
                           reason.empty() ? "no reason given" : reason);
    }
  }
  return lines;
}

}  // namespace

std::string render_table(const json& results) {
  const Layout layout = report::layout_of(results);
  if (layout.groups.empty()) return "no cell has been run\n";
  std::string table;
  for (const std::string& column : layout.columns) {
    if (!layout.columns_label.empty()) {
      table += fmt::format("{} = {}\n", one_line(layout.columns_label), one_line(column));
    }
    table += table_of(layout, layout.of(column)) + "\n";
  }
  if (table.find("†") != std::string::npos) {
    table += "† the order peeks: it was chosen by looking at codes not yet placed\n\n";
  }
  const std::string failed = failures(layout);
  if (failed.empty()) table.pop_back();
  return table + failed;
}

}  // namespace oar
