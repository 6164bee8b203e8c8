#include "harness/track/history_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kShortCommit = 8;
constexpr size_t kMostPoints = 60;

json panel_of(const HistorySeries& series, bool several_sweeps) {
  json panel = {{"title", several_sweeps ? series.sweep + ": " + series.row : series.row},
                {"commits", json::array()},
                {"means", json::array()},
                {"low", json::array()},
                {"high", json::array()},
                {"outside", json::array()}};
  const size_t first = series.points.size() - std::min(series.points.size(), kMostPoints);
  for (size_t i = first; i < series.points.size(); ++i) {
    const HistoryPoint& point = series.points[i];
    panel["commits"].push_back(point.commit.substr(0, kShortCommit) +
                               (point.tree_clean ? "" : "+"));
    panel["means"].push_back(point.mean);
    panel["low"].push_back(point.band ? json(point.band->low) : json(nullptr));
    panel["high"].push_back(point.band ? json(point.band->high) : json(nullptr));
    panel["outside"].push_back(point.outside);
  }
  return panel;
}

std::string id_of(const HistorySeries& series) {
  std::string id = "history_";
  for (const char c : series.metric) {
    const auto letter = static_cast<unsigned char>(c);
    id += std::isalnum(letter) != 0 ? static_cast<char>(std::tolower(letter)) : '_';
  }
  return id;
}

FigureSpec figure_of(const HistorySeries& series) {
  FigureSpec figure;
  figure.id = id_of(series);
  figure.section = "history";
  figure.title = series.name + " over commits";
  figure.caption = fmt::format(
      "Mean over seeds at each commit, the last {} at most. Grey: where the next record of an "
      "unchanged program lies with 99.9% probability. Diamonds lie outside; the first of them is "
      "named. {}",
      kMostPoints,
      !series.higher_is_better   ? "Neither direction is better."
      : *series.higher_is_better ? "Higher is better."
                                 : "Lower is better.");
  figure.alt = figure.title + ", with the band of what was expected";
  figure.drawing = {
      {"kind", "history"},
      {"y_label", series.unit.empty() ? series.name : series.name + " (" + series.unit + ")"},
      {"panels", json::array()}};
  return figure;
}

}  // namespace

std::vector<FigureSpec> history_figures(const std::vector<HistorySeries>& all) {
  std::vector<FigureSpec> figures;
  const bool several_sweeps = std::any_of(all.begin(), all.end(), [&](const HistorySeries& series) {
    return series.sweep != all.front().sweep;
  });
  for (const HistorySeries& series : all) {
    // Series of the last record stand first; those that ended before it are left to the tables.
    if (series.points.back().commit != all.front().points.back().commit) break;
    const std::string id = id_of(series);
    auto figure = std::find_if(figures.begin(), figures.end(),
                               [&](const FigureSpec& other) { return other.id == id; });
    if (figure == figures.end()) figure = figures.insert(figures.end(), figure_of(series));
    figure->drawing["panels"].push_back(panel_of(series, several_sweeps));
  }
  return figures;
}

}  // namespace oar
