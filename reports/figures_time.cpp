#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr int64_t kBins = 16;  // of steps, at most

/// A number of each step, as a line for each row.
struct Curves {
  std::vector<Line> lines;
  std::vector<FigureRow> rows;  ///< those that have a line

  std::string left_out() const {
    return report::left_out(std::min(lines.size(), kMostPanels), lines.size(), "recipes");
  }
};

/// The curves of the order statistics called `key`.
Curves curves_of(const std::vector<FigureRow>& rows, const char* key) {
  Curves found;
  for (const FigureRow& row : rows) {
    Line line{row.name, row.look, {}, {}};
    for (const json* cell : row.group->done()) {
      auto curve = numbers_of(field(field(*cell, "order_statistics"), key));
      if (!curve.empty()) line.curves.push_back(std::move(curve));
    }
    if (line.curves.empty()) continue;
    for (size_t t = 0; t < line.curves.front().size(); ++t) {
      line.x.push_back(static_cast<double>(t));
    }
    found.lines.push_back(std::move(line));
    found.rows.push_back(row);
  }
  return found;
}

constexpr char kSteps[] = "step (0 = first patch)";

FigureSpec blobs_figure(const std::vector<FigureRow>& rows) {
  const Curves curves = curves_of(rows, "blobs");
  if (curves.lines.empty()) return {};
  FigureSpec figure;
  figure.id = "blobs";
  figure.section = "orders";
  figure.title = "Blobs of filled patches over time";
  figure.caption = fmt::format(
      "Does the image grow from one place or from many? Connected sets of filled patches (four "
      "neighbours) after each step, mean over images and {}; band: {}. One is the least.",
      seeds_of(curves.rows), kIntervalText);
  figure.caption += curves.left_out();
  figure.alt = fmt::format("Number of blobs over steps, a line for each of {} recipes.",
                           curves.lines.size());
  figure.drawing = lines_drawing(curves.lines, kSteps, "blobs");
  return figure;
}

FigureSpec likelihood_figure(const std::vector<FigureRow>& rows) {
  Curves curves = curves_of(rows, "log_likelihood");
  if (curves.lines.empty()) return {};
  bool draws_first = false;
  for (size_t i = 0; i < curves.lines.size(); ++i) {
    for (const json* cell : curves.rows[i].group->done()) {
      if (!is_true(field(field(*cell, "order_statistics"), "draws_before_choosing"))) continue;
      draws_first = true;
      curves.lines[i].name = curves.rows[i].name + " ‡";
    }
  }
  FigureSpec figure;
  figure.id = "log_likelihood";
  figure.section = "models";
  figure.title = "Likelihood of the codes over time";
  figure.caption = fmt::format(
      "Is the model surer of the patches it leaves for later? Log-likelihood of the drawn code at "
      "each step, mean over the generated images and {}, in nats per patch; band: {}.",
      seeds_of(curves.rows), kIntervalText);
  if (draws_first) {
    figure.caption += " ‡ the order prefers likely draws, so its line stands higher by choice.";
  }
  figure.caption += curves.left_out();
  figure.alt =
      fmt::format("Log-likelihood over steps, a line for each of {} recipes.", curves.lines.size());
  figure.drawing = lines_drawing(curves.lines, kSteps, "log-likelihood (nats per patch)");
  return figure;
}

/// Spans of steps as long as a row, or several: raster then leaves its place once in each.
int64_t bins_of(const Orders& orders) {
  const int64_t steps = orders.rows * orders.cols - 1;
  return std::min({kBins, orders.rows > 1 ? orders.rows : steps, steps});
}

int64_t bin_of(int64_t t, const Orders& orders) {
  return (t - 1) * bins_of(orders) / (orders.rows * orders.cols - 1);
}

/// For each bin of the steps 1 .. N − 1: the share of those that go to one of the four neighbours
/// of the patch before.
std::vector<double> neighbour_shares(const Orders& orders) {
  const int64_t patches = orders.rows * orders.cols;
  std::vector<double> near(static_cast<size_t>(bins_of(orders))), steps(near.size());
  for (const std::vector<int64_t>& position_at : orders.position_at) {
    for (int64_t t = 1; t < patches; ++t) {
      const int64_t a = position_at[static_cast<size_t>(t - 1)],
                    b = position_at[static_cast<size_t>(t)];
      const int64_t away =
          std::abs(a / orders.cols - b / orders.cols) + std::abs(a % orders.cols - b % orders.cols);
      const auto bin = static_cast<size_t>(bin_of(t, orders));
      steps[bin] += 1;
      near[bin] += away == 1 ? 1 : 0;
    }
  }
  for (size_t i = 0; i < near.size(); ++i) near[i] /= steps[i];
  return near;
}

/// Middles of the bins, in steps.
std::vector<double> middles_of_bins(const Orders& orders) {
  std::vector<double> sum(static_cast<size_t>(bins_of(orders))), count(sum.size());
  for (int64_t t = 1; t < orders.rows * orders.cols; ++t) {
    const auto bin = static_cast<size_t>(bin_of(t, orders));
    sum[bin] += static_cast<double>(t);
    count[bin] += 1;
  }
  for (size_t i = 0; i < sum.size(); ++i) sum[i] /= count[i];
  return sum;
}

FigureSpec neighbours_figure(const std::vector<FigureRow>& rows) {
  Curves curves;
  size_t images = 0;
  for (const FigureRow& row : rows) {
    Line line{row.name, row.look, {}, {}};
    for (const json* cell : row.group->done()) {
      const Orders orders = orders_of(*cell);
      if (orders.position_at.empty() || orders.rows * orders.cols < 2) continue;
      if (line.x.empty()) line.x = middles_of_bins(orders);
      line.curves.push_back(neighbour_shares(orders));
      images = std::max(images, orders.position_at.size());
    }
    if (line.curves.empty()) continue;
    curves.lines.push_back(std::move(line));
    curves.rows.push_back(row);
  }
  if (curves.lines.empty()) return {};
  FigureSpec figure;
  figure.id = "neighbour_steps";
  figure.section = "orders";
  figure.title = "Steps to a neighbour over time";
  figure.caption = fmt::format(
      "When does the order leave its place? Share of the steps that go to one of the four "
      "neighbours of the patch before, in {} spans of steps, over the first {} images of each run "
      "and {}; band: {}.",
      curves.lines.front().x.size(), images, seeds_of(curves.rows), kIntervalText);
  figure.caption += curves.left_out();
  figure.alt =
      fmt::format("Share of steps to a direct neighbour over steps, a line for each of {} recipes.",
                  curves.lines.size());
  figure.drawing = lines_drawing(curves.lines, kSteps, "share of steps");
  figure.drawing["y_limits"] = {0.0, 1.0};
  return figure;
}

}  // namespace

std::vector<FigureSpec> time_figures(const std::vector<FigureRow>& rows) {
  std::vector<FigureSpec> figures;
  for (FigureSpec figure : {blobs_figure(rows), neighbours_figure(rows), likelihood_figure(rows)}) {
    if (!figure.id.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace oar::report
