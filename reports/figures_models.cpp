#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "reports/fields.h"
#include "reports/figures_parts.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr char kFineTuningText[] =
    " Fine-tuning (dashed beside other trainings) begins where the training before it ended. "
    "Losses "
    "under different orders are different questions put to the model; one under peeking orders is "
    "no bound.";

/// One training, over the seeds that made it.
struct Training {
  Line line;
  std::vector<std::string> users;  ///< rows whose models went through it
  int round = 0;                   ///< of fine-tuning; 0: from nothing
};

bool is_training(const json& stage) {
  const std::string name = text(field(stage, "stage"));
  return name == "any_order" || name == "specialist";
}

/// [[images seen, loss, ...], ...] as two lists; points that are no numbers are left out.
struct Curve {
  std::vector<double> images, loss;
};

Curve curve_of(const json& stage) {
  Curve curve;
  for (const json& point : items(field(stage, "record"), "curve")) {
    if (!point.is_array() || point.size() < 2) continue;
    const auto images = number(point[0]), loss = number(point[1]);
    if (!images || !loss || !std::isfinite(*images) || !std::isfinite(*loss)) continue;
    curve.images.push_back(*images);
    curve.loss.push_back(*loss);
  }
  return curve;
}

/// The trainings of each row, those that rows share once. A fine-tuning begins where the training
/// before it ended, so that all stand over the images that their model has seen. A training that
/// several seeds of a row share is one curve; cells that did not end give none.
class Trainings {
 public:
  explicit Trainings(const std::vector<FigureRow>& rows) {
    for (const FigureRow& row : rows) {
      size_t stages = 0;
      const std::vector<const json*> cells = row.group->done();
      for (const json* cell : cells) stages = std::max(stages, trainings(*cell).size());
      std::vector<double> seen(cells.size(), 0.0);
      for (size_t k = 0; k < stages; ++k) add(row, k, seen);
    }
  }

  std::vector<Training> found() && { return std::move(found_); }

 private:
  static std::vector<const json*> trainings(const json& cell) {
    std::vector<const json*> stages;
    for (const json& stage : items(cell, "stages")) {
      if (is_training(stage)) stages.push_back(&stage);
    }
    return stages;
  }

  /// The k-th training of a row's cells; `seen` images came before it.
  void add(const FigureRow& row, size_t k, std::vector<double>& seen) {
    Training training;
    training.round = static_cast<int>(k);
    training.line.look = row.look;
    const std::vector<const json*> cells = row.group->done();
    std::set<std::string> keys;
    for (size_t i = 0; i < cells.size(); ++i) {
      const auto stages = trainings(*cells[i]);
      if (k >= stages.size()) continue;
      Curve curve = curve_of(*stages[k]);
      if (curve.loss.empty()) continue;
      for (double& images : curve.images) images += seen[i];
      seen[i] = curve.images.back();
      const std::string key = text(field(*stages[k], "key"));
      if (!keys.insert(key.empty() ? fmt::format("{} {}", row.name, i) : key).second) continue;
      if (training.line.x.empty()) training.line.x = curve.images;
      training.line.curves.push_back(std::move(curve.loss));
    }
    if (training.line.curves.empty()) return;
    const auto [known, is_new] = known_.try_emplace(keys, found_.size());
    if (is_new) found_.push_back(std::move(training));
    found_[known->second].users.push_back(row.name);
  }

  std::vector<Training> found_;
  std::map<std::set<std::string>, size_t> known_;  // by the keys of the trainings
};

json line_of(const Training& training, double from = 0) {
  json line = line_json(training.line);
  line["name"] = listed(training.users);
  if (training.round > 0) {
    line["name"] = fmt::format("{}, fine-tuning{}", listed(training.users),
                               training.round > 1 ? fmt::format(" {}", training.round) : "");
    line["dashed"] = true;
  }
  json kept = line;
  for (const char* key : {"x", "y", "low", "high"}) {
    if (!line.contains(key)) continue;
    kept[key] = json::array();
    for (size_t i = 0; i < line["x"].size(); ++i) {
      if (line["x"][i].get<double>() >= from) kept[key].push_back(line[key][i]);
    }
  }
  return kept;
}

json panel(const std::string& title) {
  return {{"title", title},
          {"x_label", "images seen"},
          {"y_label", "loss (nats per patch)"},
          {"lines", json::array()}};
}

/// All in one panel and, where there is fine-tuning, what comes from its beginning on in a second.
json together(const std::vector<Training>& trainings, bool fine_tuned) {
  double from = INFINITY;
  for (const Training& training : trainings) {
    if (training.round > 0) from = std::min(from, training.line.x.front());
  }
  json panels = json::array();
  panels.push_back(panel(fine_tuned ? "whole training" : ""));
  for (const Training& training : trainings) panels[0]["lines"].push_back(line_of(training));
  if (!fine_tuned) return panels;
  panels.push_back(panel("from where fine-tuning begins"));
  for (const Training& training : trainings) {
    json line = line_of(training, 0.9 * from);
    if (line["x"].size() > 1) panels[1]["lines"].push_back(std::move(line));
  }
  return panels;
}

FigureSpec loss_figure(const std::vector<FigureRow>& rows, const std::vector<Training>& trainings,
                       bool fine_tuned) {
  FigureSpec figure;
  figure.id = "loss_curves";
  figure.section = "models";
  figure.title = "Training loss";
  figure.caption = fmt::format(
      "Has each model learned all it can{}? Training loss in nats per patch over the images seen, "
      "mean over {}; band: {}. Models that recipes share have one line, one that seeds share "
      "counts "
      "once.",
      fine_tuned ? ", and what does fine-tuning on orders add that more training does not" : "",
      seeds_of(rows), kIntervalText);
  if (fine_tuned) figure.caption += kFineTuningText;
  figure.alt = fmt::format("Training loss over images seen for {} trainings.", trainings.size());
  figure.drawing = {
      {"kind", "lines"}, {"panels", together(trainings, fine_tuned)}, {"others_behind", false}};
  return figure;
}

/// Of too many trainings for one panel: those from nothing, or those of fine-tuning.
FigureSpec one_kind_figure(const std::vector<FigureRow>& rows,
                           const std::vector<Training>& trainings, bool fine_tuning) {
  std::vector<Line> lines;
  for (const Training& training : trainings) {
    if ((training.round > 0) != fine_tuning) continue;
    lines.push_back(training.line);
    lines.back().name = listed(training.users);
    if (training.round > 1) lines.back().name += fmt::format(", round {}", training.round);
  }
  if (lines.empty()) return {};
  FigureSpec figure;
  figure.id = fine_tuning ? "fine_tuning_curves" : "loss_curves";
  figure.section = "models";
  figure.title = fine_tuning ? "Loss of fine-tuning" : "Training loss";
  figure.caption = fmt::format(
      "{} Training loss in nats per patch over the images seen, mean over {}; band: {}. Models "
      "that recipes share have one line, one that seeds share counts once.{}",
      fine_tuning ? "What does fine-tuning on orders add?" : "Has each model learned all it can?",
      seeds_of(rows), kIntervalText, fine_tuning ? kFineTuningText : "");
  figure.caption += left_out(std::min(lines.size(), kMostPanels), lines.size(), "models");
  figure.alt = fmt::format("{} over images seen for {} trainings.", figure.title, lines.size());
  figure.drawing = lines_drawing(lines, "images seen", "loss (nats per patch)");
  return figure;
}

std::vector<FigureSpec> loss_figures(const std::vector<FigureRow>& rows) {
  const std::vector<Training> trainings = Trainings(rows).found();
  if (trainings.empty()) return {};
  const bool fine_tuned = std::any_of(trainings.begin(), trainings.end(),
                                      [](const Training& t) { return t.round > 0; });
  if (trainings.size() <= kMostOverlaid) return {loss_figure(rows, trainings, fine_tuned)};
  return {one_kind_figure(rows, trainings, false), one_kind_figure(rows, trainings, true)};
}

bool is_held_out(const std::string& metric) { return metric.starts_with("nats_per_image"); }

FigureSpec held_out_figure(const std::vector<FigureRow>& all) {
  const std::vector<FigureRow> rows = first_rows(all, kMostNamedRows);
  std::vector<const Group*> groups;
  for (const FigureRow& row : rows) groups.push_back(row.group);
  json panels = json::array();
  std::string images;
  for (const MetricColumn& column : columns_of(groups, is_held_out)) {
    if (panels.size() == 3) break;
    json entries = json::array();
    for (const FigureRow& row : rows) {
      json found = values_json(entry_of(*row.group, column, source_model).values);
      if (!found.contains("mean")) found["note"] = no_value_text(*row.group);
      entries.push_back(std::move(found));
    }
    images = one_line(text(field(column.settings, "num_reference")));
    panels.push_back({{"title", shorten(one_line(column.name), 40)},
                      {"unit", one_line(column.unit)},
                      {"better", "lower is better"},
                      {"entries", std::move(entries)}});
  }
  if (panels.empty()) return {};
  FigureSpec figure;
  figure.id = "held_out_likelihood";
  figure.section = "models";
  figure.title = "Held-out likelihood";
  figure.caption = fmt::format(
      "Have the models learned? Negative log-likelihood of {} held-out images under orders that "
      "any "
      "model can be asked for. Filled mark: mean; line: {}; rings: one for each model. Orders are "
      "worth comparing only between models that are alike here.",
      images, kIntervalText);
  figure.caption += left_out(rows.size(), all.size(), "rows");
  figure.alt = fmt::format("Dot plot of held-out nats per image for {} rows.", rows.size());
  figure.drawing = dots_drawing(rows, std::move(panels));
  return figure;
}

}  // namespace

std::vector<FigureSpec> model_figures(const std::vector<FigureRow>& rows) {
  std::vector<FigureSpec> figures = loss_figures(rows);
  figures.push_back(held_out_figure(rows));
  std::erase_if(figures, [](const FigureSpec& figure) { return figure.id.empty(); });
  return figures;
}

}  // namespace oar::report
