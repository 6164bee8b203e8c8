#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/text.h"

namespace oar::report {

/// The cells that differ only in their seed: one row of a table. Cells point into the results,
/// which must outlive it.
struct Group {
  std::string row;   ///< in its own table: "oar", or "oar, generate.top_k=8" where the sweep varies
                     ///< more than rows and columns
  std::string name;  ///< over all tables: the row, and the value of the column where there is one
  std::string column;  ///< value of the columns' label; empty without columns
  std::vector<const nlohmann::json*> cells;

  /// The cells whose numbers count: status `done`.
  std::vector<const nlohmann::json*> done() const;
};

/// How the cells are laid out, in the order in which they first appear.
struct Layout {
  std::string rows_label;     ///< "recipe"
  std::string columns_label;  ///< empty: one table; else one table for each of `columns`
  std::vector<std::string> columns;
  std::vector<Group> groups;

  /// The groups of one value of the columns' label.
  std::vector<const Group*> of(const std::string& column) const;

  /// Anchor of a group's records in a page: "record-3".
  std::string record_of(const Group& group) const;
};

/// Joins cells by `report.rows`, `report.columns` and every further label. A label that a cell
/// lacks is looked up in its resolved recipe as a dotted path.
Layout layout_of(const nlohmann::json& results);

/// One metric measured in one way. Numbers of different ways never share a column.
struct MetricColumn {
  std::string metric;  ///< registry name
  std::string name;    ///< for readers: "FID[efficientnet_lite0]"
  std::string mark;    ///< "a", "b", ... where several columns hold the same metric; else empty
  std::string unit;
  std::optional<bool> higher_is_better;
  nlohmann::json
      settings;  ///< what makes two numbers comparable: extractor, weights, N, reference, ...
  std::vector<std::string> devices;  ///< where it was computed; not a setting

  /// "FID[efficientnet_lite0] ↓", with unit and mark.
  std::string heading() const;
};

/// The columns that the finished cells of `groups` need, for the metrics that `wanted` accepts by
/// registry name.
std::vector<MetricColumn> columns_of(const std::vector<const Group*>& groups,
                                     const std::function<bool(const std::string&)>& wanted);

/// The values of one column over one group.
struct Entry {
  std::vector<double> values;  ///< one for each seed that has one; NaN where it is not finite
  Spread spread;
  Spread within;       ///< of the runs' own spreads (KID over its subsets, IS over its splits)
  bool peeks = false;  ///< measured under an order that looked at codes not yet placed
  std::map<std::string, double> by_seed;  ///< the finite values
};

/// Tells which artifact a cell's number describes, so that one artifact shared by several seeds
/// counts once.
using SourceOf = std::function<std::string(const nlohmann::json& cell)>;

Entry entry_of(const Group& group, const MetricColumn& column, const SourceOf& source);

/// The cell itself: numbers of samples.
std::string source_cell(const nlohmann::json& cell);
/// The cell's tokenizer.
std::string source_tokenizer(const nlohmann::json& cell);
/// The cell's model: the specialist where there is one, else the any-order model.
std::string source_model(const nlohmann::json& cell);

/// The cell's last stage of that kind, or a JSON null.
const nlohmann::json& last_stage(const nlohmann::json& cell, const std::string& stage);

/// Where the data set of `recipe` is codes from the start: "4×4, 8 codes, noise 0.15, path
/// hilbert", as the user wrote it; empty for images.
std::string codes_text(const nlohmann::json& recipe);

/// True if an order of this cell was chosen by looking at codes that were not yet placed: its
/// generated order or the one its specialist was fine-tuned on.
bool peeks(const nlohmann::json& cell);

}  // namespace oar::report
