#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "reports/fields.h"
#include "reports/figures_parts.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kPanelsOfAFigure = 3;  // beside the names of the rows, on a page
constexpr size_t kScoresOverPenalty = 6;

/// Metrics that known_answer_figures() draws, beside what random orders have.
const std::set<std::string> kKnownAnswers = {"excess_nats", "path_adjacent_share",
                                             "sun_before_clouds", "background_first_index"};

bool is_drawn_here(const std::string& metric) {
  return is_sample_metric(metric) && !kKnownAnswers.contains(metric);
}

std::string better_of(const MetricColumn& column) {
  if (!column.higher_is_better) return "";
  return *column.higher_is_better ? "higher is better" : "lower is better";
}

std::string name_of(const MetricColumn& column) {
  const std::string name = shorten(one_line(column.name), 40);
  return column.mark.empty() ? name : fmt::format("{} ({})", name, column.mark);
}

/// "500 generated, 900 reference images".
std::string size_of(const MetricColumn& column) {
  const auto shown = [&](const char* key) { return one_line(text(field(column.settings, key))); };
  const std::string generated = shown("num_generated"), reference = shown("num_reference");
  if (generated.empty() && reference.empty()) return "";
  if (reference.empty()) return generated + " generated images";
  if (generated.empty()) return reference + " reference images";
  return fmt::format("{} generated, {} reference images", generated, reference);
}

std::vector<double> values_of(const FigureRow& row, const MetricColumn& column) {
  return entry_of(*row.group, column, source_cell).values;
}

/// One column: what each row has.
json panel_of(const std::vector<FigureRow>& rows, const MetricColumn& column) {
  json entries = json::array();
  for (const FigureRow& row : rows) {
    const Entry entry = entry_of(*row.group, column, source_cell);
    json found = values_json(entry.values);
    if (!found.contains("mean")) {
      found["note"] = entry.spread.not_finite > 0 ? "not finite" : no_value_text(*row.group);
    }
    if (entry.peeks) found["peeks"] = true;
    entries.push_back(std::move(found));
  }
  return {{"title", name_of(column)},
          {"unit", one_line(column.unit)},
          {"better", better_of(column)},
          {"entries", std::move(entries)}};
}

/// "FID: oar has the best mean, 12.3."
std::string best_of(const std::vector<FigureRow>& rows, const MetricColumn& column) {
  if (!column.higher_is_better) return "";
  const FigureRow* best = nullptr;
  double mean = 0;
  for (const FigureRow& row : rows) {
    const Entry entry = entry_of(*row.group, column, source_cell);
    if (entry.spread.n == 0) continue;
    if (best == nullptr ||
        (*column.higher_is_better ? entry.spread.mean > mean : entry.spread.mean < mean)) {
      best = &row;
      mean = entry.spread.mean;
    }
  }
  if (best == nullptr) return "";
  return fmt::format(" {}: {} has the best mean, {}.", name_of(column), best->name,
                     format_number(mean));
}

std::vector<const Group*> groups_of(const std::vector<FigureRow>& rows) {
  std::vector<const Group*> groups;
  for (const FigureRow& row : rows) groups.push_back(row.group);
  return groups;
}

FigureSpec metrics_figure(const std::vector<FigureRow>& rows, size_t all,
                          const std::vector<MetricColumn>& columns, size_t number) {
  FigureSpec figure;
  figure.id = number == 1 ? "metrics" : fmt::format("metrics_{}", number);
  figure.section = "results";
  json panels = json::array();
  std::vector<std::string> names, sizes;
  std::string best;
  bool peeks = false;
  for (const MetricColumn& column : columns) {
    panels.push_back(panel_of(rows, column));
    names.push_back(name_of(column));
    best += best_of(rows, column);
    if (!size_of(column).empty())
      sizes.push_back(fmt::format("{}: {}", names.back(), size_of(column)));
    for (const json& entry : panels.back()["entries"]) peeks = peeks || entry.contains("peeks");
  }
  figure.title = listed(names);
  figure.caption = fmt::format(
      "How do the recipes compare? Filled mark: mean; line: {}; small rings: one for each seed "
      "({}).",
      kIntervalText, seeds_of(rows));
  for (const std::string& size : sizes) figure.caption += " " + size + ".";
  if (peeks) figure.caption += " † under an order that looked at codes not yet placed.";
  figure.caption += left_out(rows.size(), all, "rows");
  figure.alt = fmt::format("Dot plot of {} for {} rows.{}", figure.title, rows.size(), best);
  figure.drawing = dots_drawing(rows, std::move(panels));
  return figure;
}

/// Rows that differ in λ alone, by rising λ.
struct Penalties {
  std::vector<std::pair<double, const FigureRow*>> rows;
};

std::vector<Penalties> penalties_of(const std::vector<FigureRow>& rows) {
  std::map<std::string, size_t> known;
  std::vector<Penalties> found;
  for (const FigureRow& row : rows) {
    json recipe = field(*row.group->cells.front(), "recipe");
    const auto penalty = number(dotted(recipe, "generate.distance_penalty"));
    if (!penalty) continue;
    recipe["generate"].erase("distance_penalty");
    const auto [same, is_new] = known.try_emplace(text(recipe), found.size());
    if (is_new) found.emplace_back();
    found[same->second].rows.emplace_back(*penalty, &row);
  }
  std::erase_if(found, [](Penalties& line) {
    std::stable_sort(line.rows.begin(), line.rows.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return line.rows.front().first == line.rows.back().first;
  });
  return found;
}

/// What the names of a line's rows have in common: "oar, λ=0" and "oar, λ=1" are "oar".
std::string common_name(const Penalties& line) {
  std::string first = line.rows.front().second->name, last = line.rows.back().second->name;
  const auto without = [](const std::string& name) {
    const size_t at = name.find("λ=");
    if (at == std::string::npos) return name;
    const size_t end = std::min(name.find_first_of(", ", at), name.size());
    const size_t begin = at >= 2 && name.substr(at - 2, 2) == ", " ? at - 2 : at;
    return name.substr(0, begin) + name.substr(end);
  };
  first = without(first);
  last = without(last);
  return first == last ? first : fmt::format("{} … {}", first, last);
}

json penalty_panel(const std::vector<Penalties>& lines, const MetricColumn& column) {
  json drawn = json::array();
  for (const Penalties& line : lines) {
    json shown = {{"name", common_name(line)}, {"look", line.rows.front().second->look}};
    for (const char* key : {"x", "y", "low", "high", "points"}) shown[key] = json::array();
    for (const auto& [penalty, row] : line.rows) {
      const json values = values_json(values_of(*row, column));
      if (!values.contains("mean")) continue;
      shown["x"].push_back(penalty);
      shown["y"].push_back(values["mean"]);
      shown["low"].push_back(values.value("low", values["mean"]));
      shown["high"].push_back(values.value("high", values["mean"]));
      for (const json& point : values["points"]) shown["points"].push_back({penalty, point});
    }
    if (!shown["x"].empty()) drawn.push_back(std::move(shown));
  }
  const std::string unit = one_line(column.unit), better = better_of(column);
  return {{"title", ""},
          {"x_label", "distance penalty λ (nats per patch)"},
          {"y_label", name_of(column) + (unit.empty() ? "" : " (" + unit + ")") +
                          (better.empty() ? "" : "\n" + better)},
          {"lines", std::move(drawn)}};
}

FigureSpec penalty_figure(const std::vector<FigureRow>& rows) {
  std::vector<Penalties> lines = penalties_of(rows);
  if (lines.empty()) return {};
  const size_t all = lines.size();
  if (lines.size() > kMostOverlaid) lines.resize(kMostOverlaid);
  std::vector<FigureRow> drawn;
  std::vector<std::string> names, sizes;
  for (const Penalties& line : lines) {
    names.push_back(common_name(line));
    for (const auto& [penalty, row] : line.rows) drawn.push_back(*row);
  }
  FigureSpec figure;
  figure.id = "distance_penalty";
  figure.section = "results";
  figure.title = "Scores over the distance penalty λ";
  json panels = json::array();
  for (const MetricColumn& column : columns_of(groups_of(drawn), is_sample_metric)) {
    if (panels.size() == kScoresOverPenalty) break;
    json panel = penalty_panel(lines, column);
    if (panel["lines"].empty()) continue;
    panels.push_back(std::move(panel));
    if (!size_of(column).empty()) {
      sizes.push_back(fmt::format("{}: {}", name_of(column), size_of(column)));
    }
  }
  if (panels.empty()) return {};
  figure.caption = fmt::format(
      "Which λ makes the best images? Line: mean; bars: {}; rings: one for each seed ({}).",
      kIntervalText, seeds_of(drawn));
  for (const std::string& size : sizes) figure.caption += " " + size + ".";
  figure.caption += left_out(lines.size(), all, "recipes");
  figure.alt = fmt::format("{} plots of scores over λ from {} to {}, a line each for {}.",
                           panels.size(), format_number(lines.front().rows.front().first),
                           format_number(lines.front().rows.back().first), listed(names));
  figure.drawing = {
      {"kind", "lines"}, {"panels", std::move(panels)}, {"others_behind", false}, {"marked", true}};
  return figure;
}

}  // namespace

std::vector<FigureSpec> metric_figures(const std::vector<FigureRow>& rows) {
  std::vector<FigureSpec> figures;
  const std::vector<FigureRow> shown = first_rows(rows, kMostNamedRows);
  std::vector<MetricColumn> columns = columns_of(groups_of(shown), is_drawn_here);
  if (columns.size() > kMostPanels) columns.resize(kMostPanels);
  for (size_t begin = 0; begin < columns.size(); begin += kPanelsOfAFigure) {
    const size_t end = std::min(begin + kPanelsOfAFigure, columns.size());
    figures.push_back(metrics_figure(shown, rows.size(),
                                     {columns.begin() + static_cast<std::ptrdiff_t>(begin),
                                      columns.begin() + static_cast<std::ptrdiff_t>(end)},
                                     figures.size() + 1));
  }
  FigureSpec penalty = penalty_figure(rows);
  if (!penalty.id.empty()) figures.push_back(std::move(penalty));
  return figures;
}

}  // namespace oar::report
