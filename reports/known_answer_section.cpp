#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "reports/fields.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

const json& answer_of(const json& cell) {
  return field(last_stage(cell, "known_answer"), "record");
}

/// A number of the answers, over seeds.
Spread spread_of(const Group& group, const char* key) {
  std::vector<double> values;
  for (const json* cell : group.done()) {
    const json& record = answer_of(*cell);
    if (!record.is_object() || !record.contains(key)) continue;
    values.push_back(number(record[key]).value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return report::spread_of(values);
}

bool answers(const Group& group, const char* key) {
  const auto done = group.done();
  return std::any_of(done.begin(), done.end(), [&](const json* cell) {
    const json& record = answer_of(*cell);
    return record.is_object() && record.contains(key);
  });
}

bool answer_peeks(const Group& group) {
  const auto done = group.done();
  return std::any_of(done.begin(), done.end(),
                     [](const json* cell) { return is_true(field(answer_of(*cell), "peeks")); });
}

/// "1000 held_out images", each once.
std::string images_of(const Layout& layout, const char* key) {
  std::vector<std::string> found;
  for (const Group& group : layout.groups) {
    if (!answers(group, key)) continue;
    for (const json* cell : group.done()) {
      const json& record = answer_of(*cell);
      const std::string images = escape_markdown(text(field(record, "images"))) + " " +
                                 escape_markdown(text(field(record, "split"))) + " images";
      if (std::find(found.begin(), found.end(), images) == found.end()) found.push_back(images);
    }
  }
  std::string all;
  for (const std::string& images : found) all += (all.empty() ? "" : ", ") + images;
  return all;
}

/// A number of the answers, as a column of a table.
struct Column {
  const char* key;
  const char* heading;
  bool is_likelihood = false;  ///< marked where the order peeks
};

/// One line for each group that knows `columns.front()`; empty where none does.
Document table_of(const Layout& layout, const std::string& name, const std::vector<Column>& columns,
                  bool* peeking) {
  std::vector<std::string> header = {escape_markdown(layout.rows_label), "seeds"};
  for (const Column& column : columns) header.emplace_back(column.heading);
  Table table(name, header, 2);
  for (const Group& group : layout.groups) {
    if (!answers(group, columns.front().key)) continue;
    const bool peeks = answer_peeks(group);
    *peeking = *peeking || peeks;
    const std::string record = layout.record_of(group);
    Table::Row row = {escape_markdown(group.name), seeds_text(group)};
    for (const Column& column : columns) {
      const Spread spread = spread_of(group, column.key);
      row.push_back(number_cell(format_spread(spread) + (peeks && column.is_likelihood ? " †" : ""),
                                spread, record));
    }
    table.add(row);
  }
  Document document;
  if (!table.empty()) document += std::move(table);
  return document;
}

Document path_answers(const Layout& layout) {
  bool peeking = false;
  const Document table = table_of(layout, "hidden_path",
                                  {{"excess_nats", "excess nats ↓", true},
                                   {"excess_nats_error", "its standard error"},
                                   {"excess_over_entropy_nats", "over the entropy", true},
                                   {"entropy_nats", "entropy (nats/image)"},
                                   {"path_adjacent_share", "steps along the path ↑"},
                                   {"random_path_adjacent_share", "random orders"},
                                   {"tau_to_path", "τ to the path"},
                                   {"absolute_tau_to_path", "its size ↑"},
                                   {"random_tau_stddev", "sd of random orders"}},
                                  &peeking);
  if (table.empty()) return {};
  Document section(
      "### The hidden path\n\nThe codes are a Markov chain along a path that no model is told of, "
      "and "
      "the entropy of an image is known. Orders are those of " +
      images_of(layout, "excess_nats") +
      ", found as the cell generates. *Excess nats* are the model's nats an image minus those of "
      "the "
      "true model on the same images: under the true model every order has the same, so they say "
      "how "
      "hard the order made the learning. A step is *along the path* if its patch is next to a "
      "placed "
      "one there. A path walked backwards has τ = −1.\n\n");
  section += table;
  if (peeking) {
    section += std::string(kPeekingMark) +
               " Its excess may be below 0: of the orders that a model scores differently, it "
               "finds one that scores well. A perfect model scores them all alike.\n\n";
  }
  return section;
}

Document sunset_answers(const Layout& layout) {
  bool peeking = false;
  const Document table = table_of(layout, "sunset",
                                  {{"sun_before_clouds", "sun before clouds (share)"},
                                   {"random_sun_before_clouds", "random orders"},
                                   {"sun_starts_before_clouds", "sun starts first (share)"},
                                   {"random_sun_starts_before_clouds", "random orders"},
                                   {"background_first_index", "background first"},
                                   {"background_first_index_error", "its standard error"}},
                                  &peeking);
  if (table.empty()) return {};
  Document section(
      "### Sun, clouds and background\n\nThe colour of the sun tells that of the clouds, and masks "
      "tell what each patch shows most of. Orders are those of " +
      images_of(layout, "sun_before_clouds") +
      ", found as the cell generates. *Sun before clouds*: the mean step of the sun's patches is "
      "smaller; *sun starts first*: its first patch comes before the first of a cloud. *Background "
      "first*: 1 if every background patch comes before any other, −1 the reverse, 0 for random "
      "orders.\n\n");
  section += table;
  if (peeking) section += "Some of these orders peek at codes that are not yet placed.\n\n";
  return section;
}

}  // namespace

Document known_answer_section(const Layout& layout) {
  Document answers = path_answers(layout);
  answers += sunset_answers(layout);
  if (answers.empty()) return {};
  Document section("## Known answers\n\n");
  section += std::move(answers);
  section += FigurePlace{"known_answers", ""};
  return section;
}

}  // namespace oar::report
