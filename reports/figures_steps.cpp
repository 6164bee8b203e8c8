#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar::report {
namespace {

using nlohmann::json;

using Cells = std::vector<std::vector<double>>;  ///< [rows][cols]

constexpr size_t kMostMapRows = kMostPanels / 2;  // a mean and a spread each

Cells cells_of(const json& value) {
  Cells cells;
  if (!value.is_array()) return {};
  for (const json& row : value) {
    cells.push_back(numbers_of(row));
    if (cells.back().empty() || cells.back().size() != cells.front().size()) return {};
  }
  return cells;
}

/// The mean over seeds of a map; empty where no cell states one. Those of another shape than the
/// first are left out.
Cells mean_map(const FigureRow& row, const char* key) {
  Cells sum;
  double count = 0;
  for (const json* cell : row.group->done()) {
    const Cells found = cells_of(field(field(*cell, "order_statistics"), key));
    if (found.empty()) continue;
    if (sum.empty()) {
      sum = Cells(found.size(), std::vector<double>(found.front().size(), 0.0));
    }
    if (found.size() != sum.size() || found.front().size() != sum.front().size()) continue;
    for (size_t r = 0; r < found.size(); ++r) {
      for (size_t c = 0; c < found[r].size(); ++c) sum[r][c] += found[r][c];
    }
    ++count;
  }
  for (auto& line : sum) {
    for (double& value : line) value = std::round(value / count * 1000) / 1000;
  }
  return sum;
}

double highest(const Cells& cells) {
  double most = 0;
  for (const auto& row : cells) most = std::max(most, *std::max_element(row.begin(), row.end()));
  return most;
}

/// Whether the mean or the spread of the step of each cell.
FigureSpec maps_figure(const std::vector<FigureRow>& rows) {
  std::vector<std::string> names;
  std::vector<FigureRow> drawn;
  json panels = json::array();
  double last = 1, spread_limit = 0;
  size_t all = 0;
  for (const FigureRow& row : rows) {
    const Cells mean = mean_map(row, "mean_step_of"), spread = mean_map(row, "stddev_step_of");
    if (mean.empty()) continue;
    if (++all > kMostMapRows) continue;
    last = std::max(last, static_cast<double>(mean.size() * mean.front().size()) - 1);
    spread_limit = std::max(spread_limit, highest(spread));
    json panel = {{"title", row.name}, {"mean", mean}};
    if (!spread.empty()) panel["spread"] = spread;
    panels.push_back(std::move(panel));
    names.push_back(row.name);
    drawn.push_back(row);
  }
  if (panels.empty()) return {};
  FigureSpec figure;
  figure.id = "step_maps";
  figure.section = "orders";
  figure.title = "When each patch is generated";
  figure.caption = fmt::format(
      "Which patches come first, and do all images agree? Mean step of each patch (0 is the first) "
      "and its standard deviation between the images of a run, both as means over {}. Units: "
      "steps.",
      seeds_of(drawn));
  figure.caption += left_out(drawn.size(), all, "recipes");
  figure.alt = fmt::format("Heat maps of the mean and the spread of each patch's step for {}.",
                           listed(names));
  figure.drawing = {{"kind", "maps"},
                    {"panels", std::move(panels)},
                    {"mean_label", "mean (steps)"},
                    {"mean_limit", last},
                    {"spread_label", "spread (steps)"},
                    {"spread_limit", spread_limit > 0 ? spread_limit : 1.0}};
  return figure;
}

struct Histogram {
  std::vector<double> edges, shares;
};

/// Shares of the steps, mean over the seeds whose edges are those of the first.
Histogram histogram_of(const FigureRow& row) {
  Histogram mean;
  double count = 0;
  for (const json* cell : row.group->done()) {
    const json& histogram = field(field(*cell, "order_statistics"), "histogram");
    const auto edges = numbers_of(field(histogram, "edges"));
    const auto counts = numbers_of(field(histogram, "counts"));
    double steps = 0;
    for (const double value : counts) steps += value;
    if (counts.empty() || edges.size() != counts.size() + 1 || steps <= 0) continue;
    if (mean.edges.empty()) mean = {edges, std::vector<double>(counts.size(), 0.0)};
    if (edges != mean.edges) continue;
    for (size_t i = 0; i < counts.size(); ++i) mean.shares[i] += counts[i] / steps;
    ++count;
  }
  for (double& share : mean.shares) share /= count;
  return mean;
}

FigureSpec jumps_figure(const std::vector<FigureRow>& rows) {
  json panels = json::array();
  std::vector<FigureRow> drawn;
  std::string means;
  size_t all = 0;
  for (const FigureRow& row : rows) {
    const Histogram histogram = histogram_of(row);
    if (histogram.edges.empty()) continue;
    if (++all > kMostPanels) continue;
    json panel = {{"title", row.name},
                  {"look", row.look},
                  {"edges", histogram.edges},
                  {"shares", histogram.shares}};
    std::vector<double> distances;
    for (const json* cell : row.group->done()) {
      const auto mean =
          number(field(field(*cell, "order_statistics"), "mean_inter_patch_distance"));
      if (mean && std::isfinite(*mean)) distances.push_back(*mean);
    }
    if (!distances.empty()) {
      const double mean = spread_of(distances).mean;
      panel["mean"] = mean;
      panel["mean_text"] = "mean " + format_number(mean, 3);
      if (drawn.size() < 4) means += fmt::format(" {}: {}.", row.name, format_number(mean, 3));
    }
    panels.push_back(std::move(panel));
    drawn.push_back(row);
  }
  if (panels.empty()) return {};
  FigureSpec figure;
  figure.id = "jump_lengths";
  figure.section = "orders";
  figure.title = "How far each step jumps";
  figure.caption = fmt::format(
      "Does the order stay near the last patch? Distance between successive patches, Euclidean, in "
      "patches, as shares of all steps, mean over {}; the dashed line is the mean distance.",
      seeds_of(drawn));
  figure.caption += left_out(drawn.size(), all, "recipes");
  figure.alt =
      fmt::format("Histograms of jump lengths for {} recipes. Mean distances in patches:{}",
                  drawn.size(), means);
  figure.drawing = {{"kind", "histograms"},
                    {"panels", std::move(panels)},
                    {"x_label", "distance to the last patch (patches)"},
                    {"y_label", "share of steps"}};
  return figure;
}

}  // namespace

std::vector<FigureSpec> step_figures(const std::vector<FigureRow>& rows) {
  std::vector<FigureSpec> figures;
  for (FigureSpec figure : {maps_figure(rows), jumps_figure(rows)}) {
    if (!figure.id.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace oar::report
