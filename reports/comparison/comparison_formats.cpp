#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reports/comparison/formats.h"
#include "reports/comparison/statistics.h"
#include "reports/comparison/text_table.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;
using report::format_number;

constexpr size_t kLongestRow = 48;
constexpr size_t kShownCells = 5;

std::string name_line(const char* side, const RecordName& name) {
  return fmt::format("{}  {}, commit {}{}, {}\n", side, name.sweep, name.commit.substr(0, 12),
                     name.tree_clean ? "" : " with changes", name.created);
}

std::string change_text(const ComparedMetric& compared) {
  const PairedNumbers& numbers = compared.numbers;
  if (numbers.pairs.empty() || !numbers.refusals.empty()) return "–";
  std::string change =
      fmt::format("{}", format_number(numbers.now_mean() - numbers.base_mean(), 3));
  if (compared.interval) {
    change += fmt::format(" [{}, {}]", format_number(compared.interval->low, 3),
                          format_number(compared.interval->high, 3));
  }
  return change;
}

std::vector<std::string> row_of(const ComparedMetric& compared) {
  const PairedNumbers& numbers = compared.numbers;
  const bool shows = !numbers.pairs.empty() && numbers.refusals.empty();
  const std::string verdict = name_of(compared.verdict);
  return {report::shorten(numbers.row(), kLongestRow),
          numbers.heading(),
          std::to_string(numbers.pairs.size()),
          shows ? format_number(numbers.base_mean()) : "–",
          shows ? format_number(numbers.now_mean()) : "–",
          change_text(compared),
          compared.p_holm ? p_text(*compared.p_holm) : "–",
          compared.reason.empty() ? verdict : verdict + ": " + compared.reason};
}

std::string method_text(const Comparison& comparison) {
  if (comparison.tests == 0) return "No test was made.\n";
  return fmt::format(
      "{} paired t-tests over seeds, two-sided; p is Holm's over all of them, so that with no "
      "change "
      "at all one is\ncalled better, worse or different with probability {} at most. The t-test "
      "takes "
      "differences for normal and has no\nsmallest p; without that assumption no p of {} pairs is "
      "below "
      "{}. \"Could show\" is at {} power.\n",
      comparison.tests, percent_text(comparison.level), comparison.fewest,
      fmt::format("{:.3g}", smallest_assumption_free_p(comparison.fewest)), percent_text(kPower));
}

std::string cells_text(const char* where, const std::vector<std::string>& ids) {
  if (ids.empty()) return "";
  const std::vector<std::string> shown(
      ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kShownCells)));
  return fmt::format(
      "In {} alone: {}{}\n", where, fmt::join(shown, "; "),
      ids.size() > kShownCells ? fmt::format("; {} more", ids.size() - kShownCells) : "");
}

json interval_json(const std::optional<Interval>& interval) {
  return interval ? json::array({interval->low, interval->high}) : json(nullptr);
}

json optional_json(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

json record_json(const RecordName& name) {
  return {{"name", name.sweep},
          {"commit", name.commit},
          {"tree_clean", name.tree_clean},
          {"created", name.created}};
}

json metric_json(const ComparedMetric& compared) {
  const PairedNumbers& numbers = compared.numbers;
  json pairs = json::array();
  for (const NumberPair& pair : numbers.pairs) {
    pairs.push_back(
        {{"base", pair.base}, {"new", pair.now}, {"same_computation", pair.same_computation}});
  }
  const bool shows = !numbers.pairs.empty();
  const json better = numbers.higher_is_better ? json(*numbers.higher_is_better) : json(nullptr);
  json tolerance;
  if (compared.tolerance) {
    tolerance = {{"size", compared.tolerance->size}, {"relative", compared.tolerance->relative}};
  }
  return {{"rows", numbers.rows},
          {"metric", numbers.metric},
          {"name", numbers.name},
          {"unit", numbers.unit},
          {"higher_is_better", better},
          {"n", numbers.pairs.size()},
          {"pairs", std::move(pairs)},
          {"lost", numbers.lost},
          {"base_mean", shows ? json(numbers.base_mean()) : json(nullptr)},
          {"new_mean", shows ? json(numbers.now_mean()) : json(nullptr)},
          {"interval", interval_json(compared.interval)},
          {"p", optional_json(compared.p)},
          {"p_holm", optional_json(compared.p_holm)},
          {"tolerance", std::move(tolerance)},
          {"p_tolerance_holm", optional_json(compared.p_tolerance)},
          {"smallest_change", optional_json(compared.smallest_change)},
          {"verdict", name_of(compared.verdict)},
          {"reason", compared.reason}};
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  constexpr std::array kOrder = {Verdict::kWorse,           Verdict::kBetter,
                                 Verdict::kDifferent,       Verdict::kUndecided,
                                 Verdict::kWithinTolerance, Verdict::kRefused};
  std::vector<std::vector<std::string>> rows;
  for (const Verdict verdict : kOrder) {
    for (const ComparedMetric& compared : comparison.metrics) {
      if (compared.verdict == verdict) rows.push_back(row_of(compared));
    }
  }
  const auto equal = std::count_if(
      comparison.metrics.begin(), comparison.metrics.end(),
      [](const ComparedMetric& compared) { return compared.verdict == Verdict::kEqual; });
  std::string text = name_line("base", comparison.base) + name_line("new ", comparison.now) + "\n";
  if (!rows.empty()) {
    const std::string change =
        fmt::format("change [{} interval]", percent_text(1.0 - comparison.level));
    text +=
        text_table({"row", "metric", "n", "base", "new", change, "p", "verdict"}, rows, 2) + "\n";
  }
  if (equal > 0)
    text += fmt::format("Equal on both sides, so not listed: {} metrics of rows.\n", equal);
  if (comparison.metrics.empty()) text += "The two records share no number.\n";
  text += cells_text("the base", comparison.only_in_base) +
          cells_text("the new record", comparison.only_in_now) + method_text(comparison);
  return text;
}

json comparison_json(const Comparison& comparison) {
  json metrics = json::array();
  for (const ComparedMetric& compared : comparison.metrics)
    metrics.push_back(metric_json(compared));
  return {
      {"schema_version", 1},
      {"base", record_json(comparison.base)},
      {"new", record_json(comparison.now)},
      {"test", "paired t-test, two-sided"},
      {"correction", "Holm"},
      {"level", comparison.level},
      {"power", kPower},
      {"tests", comparison.tests},
      {"tolerance_tests", comparison.tolerance_tests},
      {"smallest_assumption_free_p",
       comparison.tests > 0 ? json(smallest_assumption_free_p(comparison.fewest)) : json(nullptr)},
      {"metrics", std::move(metrics)},
      {"only_in_base", comparison.only_in_base},
      {"only_in_new", comparison.only_in_now}};
}

}  // namespace oar
