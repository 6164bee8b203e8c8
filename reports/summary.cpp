#include "reports/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "reports/fields.h"
#include "reports/settings.h"

namespace oar::report {
namespace {

using nlohmann::json;

/// A label of the cell, else the option of that name in its recipe, else nothing.
std::string label_of(const json& cell, const std::string& label) {
  const json& labels = field(cell, "labels");
  if (labels.is_object() && labels.contains(label)) return text(labels[label]);
  return text(dotted(field(cell, "recipe"), label));
}

std::string row_of(const json& cell, const Layout& layout) {
  std::string row = label_of(cell, layout.rows_label);
  if (row.empty()) row = text(field(cell, "id"));
  if (row.empty()) row = "–";
  const json& labels = field(cell, "labels");
  if (!labels.is_object()) return row;
  for (const auto& [label, value] : labels.items()) {
    if (label == layout.rows_label || label == layout.columns_label || label == "seed") continue;
    row += ", " + label + "=" + text(value);
  }
  return row;
}

std::string name_of(const json& metric) {
  const std::string name = text(field(metric, "name"));
  return name.empty() ? text(field(metric, "metric")) : name;
}

bool holds(const MetricColumn& column, const json& cell, const json& metric) {
  return column.metric == text(field(metric, "metric")) && column.name == name_of(metric) &&
         column.settings == settings_of(cell, metric);
}

void mark_repeated(std::vector<MetricColumn>& columns) {
  for (MetricColumn& column : columns) {
    char letter = 'a';
    size_t same = 0;
    for (const MetricColumn& other : columns) {
      if (other.metric != column.metric || other.name != column.name) continue;
      if (&other < &column) ++letter;
      ++same;
    }
    if (same > 1)
      column.mark = letter <= 'z' ? std::string(1, letter) : std::to_string(letter - 'a' + 1);
  }
}

MetricColumn column_of(const json& cell, const json& metric) {
  MetricColumn column;
  column.metric = text(field(metric, "metric"));
  column.name = name_of(metric);
  column.unit = text(field(metric, "unit"));
  const json& better = field(metric, "higher_is_better");
  if (better.is_boolean()) column.higher_is_better = better.get<bool>();
  column.settings = settings_of(cell, metric);
  return column;
}

std::string key_or_cell(const json& stage, const json& cell) {
  const std::string key = text(field(stage, "key"));
  return key.empty() ? source_cell(cell) : key;
}

}  // namespace

std::vector<const json*> Group::done() const {
  std::vector<const json*> found;
  for (const json* cell : cells) {
    if (text(field(*cell, "status")) == "done") found.push_back(cell);
  }
  return found;
}

std::vector<const Group*> Layout::of(const std::string& column) const {
  std::vector<const Group*> found;
  for (const Group& group : groups) {
    if (group.column == column) found.push_back(&group);
  }
  return found;
}

std::string Layout::record_of(const Group& group) const {
  return "record-" + std::to_string(&group - groups.data());
}

Layout layout_of(const json& results) {
  Layout layout;
  layout.rows_label = text(field(field(results, "report"), "rows"));
  if (layout.rows_label.empty()) layout.rows_label = "recipe";
  layout.columns_label = text(field(field(results, "report"), "columns"));
  for (const json& cell : items(results, "cells")) {
    const std::string row = row_of(cell, layout);
    std::string column = layout.columns_label.empty() ? "" : label_of(cell, layout.columns_label);
    if (!layout.columns_label.empty() && column.empty()) column = "–";
    auto group = std::find_if(layout.groups.begin(), layout.groups.end(),
                              [&](const Group& g) { return g.row == row && g.column == column; });
    if (group == layout.groups.end()) {
      const std::string name = column.empty() ? row : row + " / " + column;
      group = layout.groups.insert(layout.groups.end(), Group{row, name, column, {}});
    }
    group->cells.push_back(&cell);
    if (std::find(layout.columns.begin(), layout.columns.end(), column) == layout.columns.end()) {
      layout.columns.push_back(column);
    }
  }
  return layout;
}

std::string MetricColumn::heading() const {
  std::string heading = name;
  if (!unit.empty()) heading += " (" + unit + ")";
  if (higher_is_better.has_value()) heading += *higher_is_better ? " ↑" : " ↓";
  if (!mark.empty()) heading += " (" + mark + ")";
  return heading;
}

std::vector<MetricColumn> columns_of(const std::vector<const Group*>& groups,
                                     const std::function<bool(const std::string&)>& wanted) {
  std::vector<MetricColumn> columns;
  for (const Group* group : groups) {
    for (const json* cell : group->done()) {
      for (const json& metric : items(*cell, "metrics")) {
        if (!metric.is_object() || !wanted(text(field(metric, "metric")))) continue;
        auto column = std::find_if(columns.begin(), columns.end(),
                                   [&](const MetricColumn& c) { return holds(c, *cell, metric); });
        if (column == columns.end())
          column = columns.insert(columns.end(), column_of(*cell, metric));
        const std::string device = text(field(metric, "device"));
        if (!device.empty() && std::find(column->devices.begin(), column->devices.end(), device) ==
                                   column->devices.end()) {
          column->devices.push_back(device);
        }
      }
    }
  }
  // Columns of one metric stand together, the metrics in the order of their first appearance.
  std::vector<MetricColumn> sorted;
  for (const MetricColumn& first : columns) {
    for (const MetricColumn& column : columns) {
      const bool placed = std::any_of(sorted.begin(), sorted.end(), [&](const MetricColumn& c) {
        return c.metric == column.metric && c.name == column.name && c.settings == column.settings;
      });
      if (!placed && column.metric == first.metric) sorted.push_back(column);
    }
  }
  mark_repeated(sorted);
  return sorted;
}

Entry entry_of(const Group& group, const MetricColumn& column, const SourceOf& source) {
  Entry entry;
  std::vector<double> values;
  std::vector<double> within;
  std::set<std::string> seen;
  for (const json* cell : group.done()) {
    for (const json& metric : items(*cell, "metrics")) {
      if (!metric.is_object() || !holds(column, *cell, metric) || !metric.contains("value"))
        continue;
      if (!seen.insert(source(*cell)).second) break;
      values.push_back(number(metric["value"]).value_or(std::numeric_limits<double>::quiet_NaN()));
      if (std::isfinite(values.back())) entry.by_seed[text(field(*cell, "seed"))] = values.back();
      if (const auto own = number(field(metric, "stddev"))) within.push_back(*own);
      entry.peeks = entry.peeks || is_true(field(metric, "peeks"));
      break;
    }
  }
  entry.spread = spread_of(values);
  entry.within = spread_of(within);
  entry.values = std::move(values);
  return entry;
}

std::string source_cell(const json& cell) {
  return text(field(cell, "id")) + "/" + text(field(cell, "seed"));
}

std::string source_tokenizer(const json& cell) {
  // Its codes: they may have been damaged on purpose, each time in another way.
  const json& tokens = last_stage(cell, "tokens");
  return key_or_cell(tokens.is_null() ? last_stage(cell, "tokenizer") : tokens, cell);
}

std::string source_model(const json& cell) {
  const json& specialist = last_stage(cell, "specialist");
  return key_or_cell(specialist.is_null() ? last_stage(cell, "any_order") : specialist, cell);
}

const json& last_stage(const json& cell, const std::string& stage) {
  static const json kNull;
  const json& stages = items(cell, "stages");
  for (auto it = stages.rbegin(); it != stages.rend(); ++it) {
    if (text(field(*it, "stage")) == stage) return *it;
  }
  return kNull;
}

std::string codes_text(const json& recipe) {
  const json& dataset = field(recipe, "dataset");
  if (text(field(dataset, "name")) != "planted_path") return "";
  const auto shown = [&](const char* key) { return text(field(dataset, key)); };
  return shown("rows") + "×" + shown("cols") + ", " + shown("codes") + " codes, noise " +
         shown("noise") + ", path " + shown("path");
}

bool peeks(const json& cell) {
  if (is_true(field(field(cell, "order_statistics"), "peeks"))) return true;
  const json& stages = items(cell, "stages");
  return std::any_of(stages.begin(), stages.end(), [](const json& stage) {
    // Given images are labelled there only to compare the order with the truth.
    if (text(field(stage, "stage")) == "known_answer") return false;
    return is_true(field(field(stage, "record"), "peeks"));
  });
}

}  // namespace oar::report
