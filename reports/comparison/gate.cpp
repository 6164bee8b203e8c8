#include "reports/comparison/gate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <utility>

#include "reports/comparison/text_table.h"
#include "reports/fields.h"
#include "reports/interval.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;
using report::field;
using report::format_number;
using report::items;
using report::number;
using report::text;

/// A check with the tests behind it, before its p values are corrected.
struct OpenCheck {
  GateCheck check;
  std::optional<PairedTest> test;  ///< of what lies beyond the limit
  std::optional<GateVerdict> verdict;
};

std::string one_of_each(const std::vector<std::string>& reasons) {
  return fmt::format("{}", fmt::join(reasons, "; "));
}

Interval one_sided_bounds(const PairedTest& test, double level) {
  const double reach =
      report::student_quantile(1.0 - 2.0 * level, test.n - 1) * test.standard_error;
  return {test.mean - reach, test.mean + reach};
}

class GateChecker {
 public:
  GateChecker(const json& now, const json* base, double level)
      : now_(now), base_(base), level_(level) {}

  std::vector<GateCheck> run() {
    for (const json& gate : items(now_, "gates")) {
      if (number(field(gate, "max_regression"))) add_regressions(gate);
      if (number(field(gate, "max"))) add_limits(gate, "max");
      if (number(field(gate, "min"))) add_limits(gate, "min");
    }
    if (pairs_) add_unpaired();
    decide();
    std::vector<GateCheck> checks;
    for (OpenCheck& open : open_) checks.push_back(std::move(open.check));
    return checks;
  }

 private:
  void add_regressions(const json& gate) {
    if (!pairs_)
      pairs_ = base_ != nullptr ? pair_results(*base_, now_) : pair_with_own_baseline(now_);
    const Tolerance tolerance{*number(field(gate, "max_regression")),
                              report::is_true(field(gate, "relative"))};
    const std::string metric = text(field(gate, "metric"));
    const std::string limit =
        tolerance.relative
            ? fmt::format("at most {} worse than the baseline", percent_text(tolerance.size))
            : fmt::format("at most {:g} worse than the baseline", tolerance.size);
    bool any = false;
    for (const PairedNumbers& numbers : pairs_->numbers) {
      if (numbers.metric != metric) continue;
      any = true;
      open_.push_back(regression_check(numbers, tolerance, limit));
    }
    if (!any) add_missing(metric, limit, "the baseline and this record share no number of it");
  }

  void add_limits(const json& gate, const char* which) {
    if (!own_) own_ = pair_with_itself(now_);
    const double bound = *number(field(gate, which));
    const bool is_max = std::string(which) == "max";
    const std::string metric = text(field(gate, "metric"));
    const std::string limit = fmt::format("{} {:g}", is_max ? "at most" : "at least", bound);
    bool any = false;
    for (const PairedNumbers& numbers : own_->numbers) {
      if (numbers.metric != metric) continue;
      any = true;
      open_.push_back(limit_check(numbers, bound, is_max, limit));
    }
    if (!any) add_missing(metric, limit, "no cell of this record has it");
    if (any) add_rows_without(metric, limit);
  }

  /// A limit holds for every row, so one that has no number at all has not been checked.
  void add_rows_without(const std::string& metric, const std::string& limit) {
    for (const report::Group& group : report::layout_of(now_).groups) {
      const std::string row = report::one_line(group.name);
      const auto known = [&](const PairedNumbers& numbers) {
        return numbers.metric == metric &&
               std::find(numbers.rows.begin(), numbers.rows.end(), row) != numbers.rows.end();
      };
      if (std::any_of(own_->numbers.begin(), own_->numbers.end(), known)) continue;
      add_missing(metric, limit, "no finished cell of this row has it");
      open_.back().check.row = row;
    }
  }

  void add_missing(const std::string& metric, const std::string& limit, const std::string& reason) {
    OpenCheck open;
    open.check.metric = report::one_line(metric);
    open.check.limit = limit;
    open.check.reason = reason;
    open.verdict = GateVerdict::kUndecided;
    open_.push_back(std::move(open));
  }

  /// Cells without a partner have not been checked, so nothing is said to have passed.
  void add_unpaired() {
    constexpr size_t kShown = 3;
    for (const auto& [ids, where] : {std::pair{&pairs_->only_in_base, "the baseline"},
                                     std::pair{&pairs_->only_in_now, "this record"}}) {
      if (ids->empty()) continue;
      const std::vector<std::string> shown(ids->begin(),
                                           ids->begin() + std::min(kShown, ids->size()));
      OpenCheck open;
      open.check.metric = "cells";
      open.check.limit = "in both records";
      open.check.reason = fmt::format("{} in {} alone: {}{}", ids->size(), where,
                                      fmt::join(shown, "; "), ids->size() > kShown ? "; ..." : "");
      open.verdict = GateVerdict::kUndecided;
      open_.push_back(std::move(open));
    }
  }

  static OpenCheck opened(const PairedNumbers& numbers, const std::string& limit) {
    OpenCheck open;
    open.check.metric = numbers.heading();
    open.check.row = numbers.row();
    open.check.limit = limit;
    open.check.n = static_cast<int64_t>(numbers.pairs.size());
    if (!numbers.pairs.empty()) open.check.mean = numbers.now_mean();
    return open;
  }

  OpenCheck regression_check(const PairedNumbers& numbers, const Tolerance& tolerance,
                             const std::string& limit) const {
    OpenCheck open = opened(numbers, limit);
    GateCheck& check = open.check;
    if (!numbers.pairs.empty()) check.base_mean = numbers.base_mean();
    if (!numbers.refusals.empty()) {
      check.reason = "may not be compared: " + one_of_each(numbers.refusals);
      open.verdict = GateVerdict::kUndecided;
    } else if (numbers.lost.empty() && numbers.equal_by_construction()) {
      check.reason = "equal: the same computation";
      open.verdict = GateVerdict::kPass;
    } else if (enough(numbers, "pair", open)) {
      std::vector<double> differences;
      for (const NumberPair& pair : numbers.pairs) differences.push_back(pair.difference());
      check.interval = one_sided_bounds(paired_t_test(differences), level_);
      const auto beyond = beyond_tolerance(numbers, tolerance);
      if (beyond) {
        test(numbers, paired_t_test(*beyond), open);
      } else {
        check.reason =
            "a share of the baseline's numbers means nothing: they have both signs or are 0";
        open.verdict = GateVerdict::kUndecided;
      }
    }
    return open;
  }

  OpenCheck limit_check(const PairedNumbers& numbers, double bound, bool is_max,
                        const std::string& limit) const {
    OpenCheck open = opened(numbers, limit);
    if (!enough(numbers, "seed", open)) return open;
    std::vector<double> values;
    std::vector<double> beyond;
    for (const NumberPair& pair : numbers.pairs) {
      values.push_back(pair.now);
      beyond.push_back(is_max ? beyond_limit(pair.now, bound) : -beyond_limit(pair.now, bound));
    }
    open.check.interval = one_sided_bounds(paired_t_test(values), level_);
    test(numbers, paired_t_test(beyond), open);
    return open;
  }

  /// Whether there is something to test; else the check says what is missing.
  static bool enough(const PairedNumbers& numbers, const char* what, OpenCheck& open) {
    if (open.check.n >= kFewestPairs) return true;
    std::vector<std::string> reasons = numbers.lost;
    reasons.push_back(fmt::format("{} {}{}, and a test takes {}", open.check.n, what,
                                  open.check.n == 1 ? "" : "s", kFewestPairs));
    open.check.reason = one_of_each(reasons);
    open.verdict = GateVerdict::kUndecided;
    return false;
  }

  /// Cells that did not end may have been the worst: then nothing passes.
  static void test(const PairedNumbers& numbers, const PairedTest& beyond, OpenCheck& open) {
    open.test = beyond;
    open.check.p_pass = numbers.lost.empty() ? beyond.below : 1.0;
    open.check.reason = one_of_each(numbers.lost);
  }

  void decide() {
    std::vector<double> p;
    for (const OpenCheck& open : open_) {
      if (open.test) p.push_back(open.test->above);
    }
    const std::vector<double> corrected = holm(p);
    size_t next = 0;
    for (OpenCheck& open : open_) {
      if (open.test) open.check.p_regression = corrected[next++];
      open.check.verdict = open.verdict ? *open.verdict : tested(open);
    }
  }

  GateVerdict tested(OpenCheck& open) {
    GateCheck& check = open.check;
    if (*check.p_regression < level_) return GateVerdict::kRegression;
    // What lies exactly at the limit for every seed has kept to it.
    const bool at_limit = open.test->stddev == 0.0 && open.test->mean == 0.0;
    if (*check.p_pass < level_ || (at_limit && check.reason.empty())) return GateVerdict::kPass;
    if (check.reason.empty()) {
      const double reach = effect_of(check.n) * open.test->stddev;
      check.reason = fmt::format(
          "these {} seeds could tell the mean from the limit at a distance of {}; it lies {} {}",
          check.n, format_number(reach, 2), format_number(std::abs(open.test->mean), 2),
          open.test->mean > 0 ? "beyond" : "within");
    }
    return GateVerdict::kUndecided;
  }

  /// What n seeds find at the one-sided level, in standard deviations.
  double effect_of(int64_t n) {
    const auto [place, is_new] = effects_.try_emplace(n, 0.0);
    if (is_new) place->second = smallest_effect(n, 2.0 * level_, kPower);
    return place->second;
  }

  const json& now_;
  const json* base_;
  double level_;
  std::map<int64_t, double> effects_;
  std::optional<PairedResults> pairs_;
  std::optional<PairedResults> own_;
  std::vector<OpenCheck> open_;
};

std::string labels_text(const json& labels) {
  std::vector<std::string> parts;
  if (!labels.is_object()) return "";
  for (const auto& [key, value] : labels.items()) {
    parts.push_back(report::one_line(key + "=" + text(value)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::string name_of(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::kPass:
      return "pass";
    case GateVerdict::kRegression:
      return "regression";
    case GateVerdict::kUndecided:
      return "cannot be decided";
  }
  return "cannot be decided";
}

GateVerdict GateReport::verdict() const {
  const auto any = [&](GateVerdict verdict) {
    return std::any_of(checks.begin(), checks.end(),
                       [&](const GateCheck& check) { return check.verdict == verdict; });
  };
  if (any(GateVerdict::kRegression)) return GateVerdict::kRegression;
  return checks.empty() || any(GateVerdict::kUndecided) ? GateVerdict::kUndecided
                                                        : GateVerdict::kPass;
}

GateReport check_gates(const json& now, const json* base, double level) {
  if (!(level > 0 && level < 0.5)) {
    throw std::invalid_argument(fmt::format(
        "--level: found {}; accepted: a probability between 0 and 0.5, as 0.05", level));
  }
  if (items(now, "gates").empty()) {
    throw std::invalid_argument(
        "this record's sweep has no gates; add \"gates\": [{\"metric\": \"fid\", "
        "\"max_regression\": \"3%\"}] to the sweep and run it again: nothing is computed twice");
  }
  GateReport report;
  report.now = record_name(now);
  if (base != nullptr) {
    report.base = record_name(*base);
  } else {
    report.base_labels = labels_text(field(now, "baseline"));
  }
  report.level = level;
  report.checks = GateChecker(now, base, level).run();
  return report;
}

}  // namespace oar
