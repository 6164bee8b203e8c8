#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar::report {
namespace {

using nlohmann::json;

/// A number of the `known_answer` records.
struct Answer {
  const char* key;
  const char* title;
  const char* unit;
  const char* better;
  const char* random_key;  ///< what random orders have; null: `reference` is known
  std::optional<double> reference;
  const char* of = "random orders";  ///< whose value the reference is
};

const json& answer_of(const json& cell) {
  return field(last_stage(cell, "known_answer"), "record");
}

bool answers(const FigureRow& row, const char* key) {
  const auto done = row.group->done();
  return std::any_of(done.begin(), done.end(), [&](const json* cell) {
    return number(field(answer_of(*cell), key)).has_value();
  });
}

std::vector<double> values_of(const FigureRow& row, const char* key) {
  std::vector<double> values;
  for (const json* cell : row.group->done()) {
    if (const auto value = number(field(answer_of(*cell), key))) values.push_back(*value);
  }
  return values;
}

/// What random orders have, where all rows state the same: else there is no one line to draw.
std::optional<double> stated_reference(const std::vector<FigureRow>& rows, const char* key) {
  std::optional<double> reference;
  for (const FigureRow& row : rows) {
    for (const double value : values_of(row, key)) {
      if (!std::isfinite(value) || (reference && *reference != value)) return std::nullopt;
      reference = value;
    }
  }
  return reference;
}

json panel_of(const std::vector<FigureRow>& rows, const Answer& answer, bool* peeks) {
  json entries = json::array();
  const std::optional<double> reference =
      answer.random_key == nullptr ? answer.reference : stated_reference(rows, answer.random_key);
  for (const FigureRow& row : rows) {
    json found = values_json(values_of(row, answer.key));
    if (!found.contains("mean")) found["note"] = no_value_text(*row.group);
    const auto done = row.group->done();
    if (std::any_of(done.begin(), done.end(),
                    [](const json* cell) { return is_true(field(answer_of(*cell), "peeks")); })) {
      found["peeks"] = true;
      *peeks = true;
    }
    entries.push_back(std::move(found));
  }
  json panel = {{"title", answer.title},
                {"unit", answer.unit},
                {"better", answer.better},
                {"entries", std::move(entries)}};
  if (reference) {
    panel["reference"] = *reference;
    panel["reference_text"] = fmt::format("{}: {}", answer.of, format_number(*reference, 3));
  }
  return panel;
}

FigureSpec answers_figure(const std::vector<FigureRow>& all, const char* id, const char* title,
                          const std::string& question, const std::vector<Answer>& asked) {
  std::vector<FigureRow> rows;
  for (const FigureRow& row : all) {
    if (answers(row, asked.front().key)) rows.push_back(row);
  }
  if (rows.empty()) return {};
  const size_t count = rows.size();
  rows = first_rows(rows, kMostNamedRows);
  json panels = json::array();
  bool peeks = false;
  for (const Answer& answer : asked) panels.push_back(panel_of(rows, answer, &peeks));
  FigureSpec figure;
  figure.id = id;
  figure.section = "known_answers";
  figure.title = title;
  const json& record = answer_of(*rows.front().group->done().front());
  const std::string split = one_line(text(field(record, "split")));
  figure.caption = fmt::format(
      "{} Orders of {} {} images, chosen as the cell generates. Filled mark: mean; line: {}; "
      "rings: "
      "one for each seed ({}).",
      question, one_line(text(field(record, "images"))), split == "held_out" ? "held-out" : split,
      kIntervalText, seeds_of(rows));
  if (peeks) {
    figure.caption +=
        " † under an order that looked at codes not yet placed: its likelihood is no bound.";
  }
  figure.caption += left_out(rows.size(), count, "rows");
  std::string values;
  for (size_t i = 0; i < std::min<size_t>(rows.size(), 4); ++i) {
    const auto found = values_of(rows[i], asked.front().key);
    if (!found.empty()) {
      values += fmt::format(" {}: {}.", rows[i].name, format_number(spread_of(found).mean, 3));
    }
  }
  figure.alt = fmt::format("Dot plot for {} rows. {}:{}", rows.size(), asked.front().title, values);
  figure.drawing = dots_drawing(rows, std::move(panels));
  return figure;
}

}  // namespace

std::vector<FigureSpec> known_answer_figures(const std::vector<FigureRow>& rows) {
  const std::vector<Answer> path = {
      {"excess_nats", "excess nats", "nats per image", "lower is better", nullptr, 0.0,
       "true model"},
      {"path_adjacent_share", "steps along the path", "share", "higher is better",
       "random_path_adjacent_share", std::nullopt},
      {"absolute_tau_to_path", "|τ| to the path", "rank correlation", "higher is better",
       "random_tau_stddev", std::nullopt, "sd of random orders"}};
  const std::vector<Answer> sunset = {
      {"sun_before_clouds", "sun before clouds", "share of images", "", "random_sun_before_clouds",
       std::nullopt},
      {"sun_starts_before_clouds", "sun starts first", "share of images", "",
       "random_sun_starts_before_clouds", std::nullopt},
      {"background_first_index", "background first", "−1 last … 1 first", "", nullptr, 0.0}};
  std::vector<FigureSpec> figures;
  for (FigureSpec figure :
       {answers_figure(
            rows, "excess_nats", "Orders against the hidden path",
            "How hard does each order make the learning, and does it find the path? "
            "Excess nats are those over the true model, which has 0 (dashed) under every "
            "order; of the other panels the dashed line is what random orders have.",
            path),
        answers_figure(rows, "sun_and_clouds", "Sun, clouds and background",
                       "Does the order place what tells about the rest first? The sun's colour "
                       "tells that of the clouds; the dashed line is what random orders have.",
                       sunset)}) {
    if (!figure.id.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace oar::report
