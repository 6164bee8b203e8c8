#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "reports/fields.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kLargestTextGrid = 8;

/// A statistic of orders, as a column of a table.
struct Column {
  std::string key;
  std::string heading;
  bool is_likelihood = false;  ///< marked where the order peeks
};

const std::vector<Column> kSteps = {
    {"num_orders", "orders"},
    {"mean_inter_patch_distance", "mean inter-patch distance (patches)"},
    {"stddev_inter_patch_distance", "its sd between images (patches)"},
    {"neighbour_share", "steps to a direct neighbour (share)"},
    {"touch_share", "steps beside a filled patch (share)"},
    {"long_jump_share", "jumps over half of the grid (share)"},
    {"mean_blobs", "blobs of filled patches"}};

const std::vector<Column> kShapes = {
    {"simple_first", "simple patches first (ρ)"},
    {"centre_to_border", "centre to border"},
    {"raster_tau", "τ to raster"},
    {"raster_rho", "ρ to raster"},
    {"between_tau", "τ between images"},
    {"between_rho", "ρ between images"},
    {"first_position_entropy", "entropy of the first position (nats)"},
    {"nats_per_image", "nats/image", true}};

/// In the record, and left to it: what a reader of the page has elsewhere or needs for nothing.
const std::set<std::string> kNotShown = {
    "rows", "cols", "orders_compared", "stddev_raster_tau", "images", "stddev_raster_rho"};

const json& statistics_of(const json& cell) { return field(cell, "order_statistics"); }

/// One line of the tables: the orders of a group's images, over its seeds.
struct Row {
  std::string name;
  std::string record;                   ///< anchor
  std::vector<const json*> statistics;  ///< one record for each seed that has one
  bool are_labels = false;  ///< found in given images, to fine-tune on; else of generated ones
};

std::vector<Row> rows_of(const Layout& layout) {
  std::vector<Row> rows;
  for (const Group& group : layout.groups) {
    const std::string record = layout.record_of(group);
    Row generated{escape_markdown(group.name), record, {}, false};
    Row labels{generated.name + ", labels", record, {}, true};
    for (const json* cell : group.done()) {
      const json& label = field(last_stage(*cell, "orders"), "record");
      if (statistics_of(*cell).is_object()) generated.statistics.push_back(&statistics_of(*cell));
      if (label.is_object() && label.contains("num_orders")) labels.statistics.push_back(&label);
    }
    if (!generated.statistics.empty()) rows.push_back(std::move(generated));
    if (!labels.statistics.empty()) rows.push_back(std::move(labels));
  }
  return rows;
}

Spread statistic(const Row& row, const std::string& key) {
  std::vector<double> values;
  for (const json* statistics : row.statistics) {
    if (const auto value = number(field(*statistics, key))) values.push_back(*value);
  }
  return spread_of(values);
}

/// A count that is the same for every seed needs neither decimals nor a spread; what a sum over
/// steps leaves of a zero is a zero.
std::string statistic_text(const Spread& spread) {
  constexpr double kRounding = 1e-12;
  const double whole = std::round(spread.mean);
  const bool count =
      spread.n > 0 && spread.stddev < kRounding && std::abs(spread.mean - whole) < kRounding;
  return count ? fmt::format("{:.0f}", whole + 0.0) : format_spread(spread);
}

/// "yes", "no", "differs" between seeds, or "–".
std::string answer(const Row& row, const std::string& key) {
  std::string shown = "–";
  for (const json* statistics : row.statistics) {
    const json& value = field(*statistics, key);
    if (!value.is_boolean()) continue;
    const std::string word = value.get<bool>() ? "yes" : "no";
    if (shown != "–" && shown != word) return "differs";
    shown = word;
  }
  return shown;
}

/// Those of `columns` that a row has a number for.
std::vector<Column> known(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  std::vector<Column> found;
  for (const Column& column : columns) {
    if (std::any_of(rows.begin(), rows.end(),
                    [&](const Row& row) { return statistic(row, column.key).n > 0; })) {
      found.push_back(column);
    }
  }
  return found;
}

/// Numbers of the records that this program does not know, under their own names.
std::vector<Column> further(const std::vector<Row>& rows) {
  std::set<std::string> listed = kNotShown;
  for (const auto& columns : {kSteps, kShapes}) {
    for (const Column& column : columns) listed.insert(column.key);
  }
  std::vector<Column> found;
  for (const Row& row : rows) {
    for (const json* statistics : row.statistics) {
      for (const auto& [key, value] : statistics->items()) {
        if (!value.is_number() || !listed.insert(key).second) continue;
        std::string heading = key;
        std::replace(heading.begin(), heading.end(), '_', ' ');
        found.push_back({key, escape_markdown(heading)});
      }
    }
  }
  return found;
}

/// A table of the columns that are known; with `answers`, what peeks and what draws first too.
Document table_of(const Layout& layout, const std::string& name, const std::vector<Row>& rows,
                  const std::vector<Column>& columns, bool answers) {
  const std::vector<Column> shown = known(columns, rows);
  if (shown.empty() && !answers) return {};
  std::vector<std::string> header = {escape_markdown(layout.rows_label)};
  if (answers) header.insert(header.end(), {"peeks", "draws first"});
  const size_t left = header.size();
  for (const Column& column : shown) header.push_back(column.heading);
  Table table(name, header, left);
  for (const Row& row : rows) {
    Table::Row line = {row.name};
    const std::string peeks = answer(row, "peeks");
    if (answers) {
      line.emplace_back(peeks);
      line.emplace_back(answer(row, "draws_before_choosing"));
    }
    for (const Column& column : shown) {
      const Spread spread = statistic(row, column.key);
      const bool marked = column.is_likelihood && peeks == "yes" && spread.n > 0;
      line.push_back(
          number_cell(statistic_text(spread) + (marked ? " †" : ""), spread, row.record));
    }
    table.add(line);
  }
  Document document;
  document += std::move(table);
  return document;
}

Document tables_of(const Layout& layout, const std::vector<Row>& rows) {
  const bool any_labels =
      std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.are_labels; });
  std::string text = "Of the generated images";
  if (any_labels) {
    text += "; lines called *labels* are of the images that the model was fine-tuned on";
  }
  text +=
      ". Distances are Euclidean, between patch centres. A blob is a set of filled patches that "
      "hang together, counted after every step.\n\n";
  Document document(text);
  document += table_of(layout, "orders_steps", rows, kSteps, true);
  const Document shapes = table_of(layout, "orders_shapes", rows, kShapes, false);
  if (!shapes.empty()) {
    document +=
        "τ is Kendall's and ρ Spearman's rank correlation of orders: 1 for the same, −1 for the "
        "reverse, 0 for unrelated ones. *Simple patches first* is ρ of a patch's step and the "
        "standard deviation of its grey values; *centre to border* of its step and its distance "
        "to the centre. The entropy is at most the logarithm of the number of patches.\n\n";
    document += shapes;
    if (to_markdown(shapes, {}).find("†") != std::string::npos) {
      document += std::string(kPeekingMark) + "\n\n";
    }
  }
  const Document rest = table_of(layout, "orders_further", rows, further(rows), false);
  if (!rest.empty()) {
    document += "Further numbers of the records:\n\n";
    document += rest;
  }
  return document;
}

/// The mean step of each cell, mean over the seeds whose grids agree in shape with the first.
struct HeatMap {
  std::vector<std::vector<double>> steps;  ///< [rows][cols]
  int64_t seeds = 0;
};

std::optional<std::vector<std::vector<double>>> grid_of(const json& value) {
  std::vector<std::vector<double>> grid;
  if (!value.is_array()) return std::nullopt;
  for (const json& row : value) {
    if (!row.is_array() || row.empty() || row.size() != value.front().size()) return std::nullopt;
    grid.emplace_back();
    for (const json& step : row) {
      if (!number(step)) return std::nullopt;
      grid.back().push_back(*number(step));
    }
  }
  if (grid.empty()) return std::nullopt;
  return grid;
}

HeatMap heat_map(const Group& group) {
  HeatMap map;
  for (const json* cell : group.done()) {
    const auto grid = grid_of(field(statistics_of(*cell), "mean_step_of"));
    if (!grid) continue;
    if (map.seeds == 0)
      map.steps.assign(grid->size(), std::vector<double>(grid->front().size(), 0.0));
    if (grid->size() != map.steps.size() || grid->front().size() != map.steps.front().size())
      continue;
    ++map.seeds;
    for (size_t r = 0; r < grid->size(); ++r) {
      for (size_t c = 0; c < (*grid)[r].size(); ++c) {
        map.steps[r][c] += ((*grid)[r][c] - map.steps[r][c]) / static_cast<double>(map.seeds);
      }
    }
  }
  return map;
}

std::string heat_map_text(const Group& group) {
  const HeatMap map = heat_map(group);
  if (map.seeds == 0) return "";
  const std::string name = escape_markdown(group.name);
  const size_t rows = map.steps.size();
  const size_t cols = map.steps.front().size();
  if (rows > kLargestTextGrid || cols > kLargestTextGrid) {
    return fmt::format("**{}**: a grid of {}×{} is too large for text; see the plots.\n\n", name,
                       rows, cols);
  }
  std::string text = fmt::format("**{}** (n={})\n\n```\n", name, map.seeds);
  for (const std::vector<double>& row : map.steps) {
    for (size_t c = 0; c < row.size(); ++c)
      text += fmt::format("{}{:5.1f}", c == 0 ? "" : " ", row[c]);
    text += "\n";
  }
  return text + "```\n\n";
}

/// Signatures of failures that these objects of the records state as present, each once.
std::string failure_signs(const std::string& name_of_row, const std::vector<const json*>& of) {
  struct Sign {
    int64_t seeds = 0;
    std::string sentence;  // of the first seed
  };
  std::map<std::string, Sign> signs;
  for (const json* statistics : of) {
    for (const json& signature : items(*statistics, "signatures")) {
      if (!is_true(field(signature, "present"))) continue;
      Sign& sign = signs[text(field(signature, "name"))];
      if (sign.seeds++ == 0) sign.sentence = text(field(signature, "sentence"));
    }
  }
  std::string lines;
  for (const auto& [name, sign] : signs) {
    lines += fmt::format("- **{}: {}**, {} of {} seeds. {}\n", name_of_row, escape_markdown(name),
                         sign.seeds, of.size(), escape_markdown(sign.sentence));
  }
  return lines;
}

/// How approximate searches of labels agree with the exact one.
std::string agreement_of(const Row& row) {
  std::string lines;
  for (const json* statistics : row.statistics) {
    const json& agreement = field(*statistics, "agreement");
    if (!agreement.is_object()) continue;
    const auto value = [&](const char* key) {
      const auto found = number(field(agreement, key));
      return found ? format_number(*found) : "–";
    };
    lines += fmt::format(
        "- **{}** were searched approximately. On {} images: τ {} to the exact search, {} "
        "nats/image "
        "against {}, token evaluations saved {}-fold, {} times as fast.\n",
        row.name, escape_markdown(text(field(agreement, "images"))), value("kendall_tau"),
        value("nats_per_image"), value("exact_nats_per_image"), value("token_evaluations_ratio"),
        value("speedup"));
  }
  return lines;
}

std::string notes_of(const Group& group) {
  std::string notes;
  const auto done = group.done();
  if (std::any_of(done.begin(), done.end(), [](const json* cell) { return peeks(*cell); })) {
    notes += fmt::format(
        "- **{}** uses orders that *peek*: they were chosen by looking at codes that are not yet "
        "placed. Such an order "
        "carries information about the image itself, and a likelihood under it is no bound.\n",
        escape_markdown(group.name));
  }
  if (std::any_of(done.begin(), done.end(), [](const json* cell) {
        return is_true(field(statistics_of(*cell), "draws_before_choosing"));
      })) {
    notes += fmt::format(
        "- **{}** draws a code for every open patch first and then chooses among the draws. That "
        "prefers lucky draws "
        "(sharper, less diverse images) and does not sample the model exactly.\n",
        escape_markdown(group.name));
  }
  return notes;
}

}  // namespace

Document order_section(const Layout& layout) {
  const std::vector<Row> rows = rows_of(layout);
  std::string notes, signs, maps;
  for (const Group& group : layout.groups) {
    notes += notes_of(group);
    maps += heat_map_text(group);
  }
  for (const Row& row : rows) {
    notes += agreement_of(row);
    signs += failure_signs(row.name, row.statistics);
  }
  for (const Group& group : layout.groups) {  // of cells that ended in a failure
    signs += failure_signs(escape_markdown(group.name), {group.cells.begin(), group.cells.end()});
  }
  if (rows.empty() && notes.empty() && signs.empty()) return {};
  Document section("## Orders\n\n");
  if (!rows.empty()) section += tables_of(layout, rows);
  if (!notes.empty()) section += notes + "\n";
  if (!signs.empty()) section += "Signs of known failures:\n\n" + signs + "\n";
  if (!maps.empty()) {
    section +=
        "### Mean step of each cell\n\n0 is the first patch generated; the top left number is the "
        "top left patch.\n\n" +
        maps;
  }
  section += FigurePlace{"orders", ""};
  return section;
}

}  // namespace oar::report
