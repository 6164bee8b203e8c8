#include "reports/comparison/comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "reports/fields.h"
#include "reports/interval.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;
using report::field;
using report::text;

std::vector<double> differences_of(const PairedNumbers& numbers) {
  std::vector<double> differences;
  for (const NumberPair& pair : numbers.pairs) differences.push_back(pair.difference());
  return differences;
}

int64_t count(const PairedNumbers& numbers) { return static_cast<int64_t>(numbers.pairs.size()); }

bool is_tested(const PairedNumbers& numbers) {
  return numbers.refusals.empty() && !numbers.equal_by_construction() &&
         count(numbers) >= kFewestPairs;
}

bool is_wanted(const PairedNumbers& numbers, const std::string& metric) {
  return metric.empty() || numbers.metric == metric || numbers.name == metric;
}

/// Makes the tests of one comparison and corrects them together.
class Tests {
 public:
  explicit Tests(Comparison& comparison) : comparison_(comparison) {}

  void run(const std::map<std::string, Tolerance>& tolerances) {
    std::vector<double> p;
    std::vector<double> p_tolerance;
    for (ComparedMetric& compared : comparison_.metrics) {
      const auto tolerance = tolerances.find(compared.numbers.metric);
      if (tolerance != tolerances.end()) compared.tolerance = tolerance->second;
      if (!is_tested(compared.numbers)) continue;
      test_difference(compared);
      p.push_back(*compared.p);
      const int64_t n = count(compared.numbers);
      comparison_.fewest = p.size() == 1 ? n : std::min(comparison_.fewest, n);
      if (test_tolerance(compared)) p_tolerance.push_back(*compared.p_tolerance);
    }
    comparison_.tests = static_cast<int64_t>(p.size());
    comparison_.tolerance_tests = static_cast<int64_t>(p_tolerance.size());
    correct(holm(p), &ComparedMetric::p, &ComparedMetric::p_holm);
    correct(holm(p_tolerance), &ComparedMetric::p_tolerance, &ComparedMetric::p_tolerance);
    state_smallest_changes();
  }

 private:
  void test_difference(ComparedMetric& compared) const {
    const PairedTest test = paired_t_test(differences_of(compared.numbers));
    const double reach =
        report::student_quantile(1.0 - comparison_.level, test.n - 1) * test.standard_error;
    compared.stddev = test.stddev;
    compared.interval = Interval{test.mean - reach, test.mean + reach};
    compared.p = test.two_sided();
  }

  static bool test_tolerance(ComparedMetric& compared) {
    if (!compared.tolerance) return false;
    const auto beyond = beyond_tolerance(compared.numbers, *compared.tolerance);
    if (beyond) compared.p_tolerance = paired_t_test(*beyond).below;
    return beyond.has_value();
  }

  void correct(const std::vector<double>& corrected, std::optional<double> ComparedMetric::*from,
               std::optional<double> ComparedMetric::*to) {
    size_t next = 0;
    for (ComparedMetric& compared : comparison_.metrics) {
      if (compared.*from) compared.*to = corrected[next++];
    }
  }

  void state_smallest_changes() {
    std::map<int64_t, double> effect_of;
    for (ComparedMetric& compared : comparison_.metrics) {
      if (!compared.p) continue;
      const int64_t n = count(compared.numbers);
      const auto [place, is_new] = effect_of.try_emplace(n, 0.0);
      if (is_new) {
        place->second =
            smallest_effect(n, comparison_.level / static_cast<double>(comparison_.tests), kPower);
      }
      compared.smallest_change = place->second * compared.stddev;
    }
  }

  Comparison& comparison_;
};

std::string too_few(const PairedNumbers& numbers) {
  if (numbers.pairs.empty()) return "no pair of numbers";
  return fmt::format("{} {}, and a test takes {}", count(numbers),
                     count(numbers) == 1 ? "pair" : "pairs", kFewestPairs);
}

Verdict direction(const PairedNumbers& numbers) {
  if (!numbers.higher_is_better) return Verdict::kDifferent;
  const bool rose = numbers.now_mean() > numbers.base_mean();
  return rose == *numbers.higher_is_better ? Verdict::kBetter : Verdict::kWorse;
}

/// The verdict of what the numbers say, and why.
std::pair<Verdict, std::string> judged(const ComparedMetric& compared, double level) {
  const PairedNumbers& numbers = compared.numbers;
  if (!numbers.refusals.empty()) {
    return {Verdict::kRefused, fmt::format("{}", fmt::join(numbers.refusals, "; "))};
  }
  if (numbers.equal_by_construction()) return {Verdict::kEqual, "the same computation"};
  if (count(numbers) < kFewestPairs) return {Verdict::kUndecided, too_few(numbers)};
  if (numbers.all_equal()) return {Verdict::kEqual, "in every pair"};
  const bool differs = *compared.p_holm < level;
  const Verdict way = direction(numbers);
  if (differs && way != Verdict::kWorse) return {way, ""};
  if (compared.p_tolerance && *compared.p_tolerance < level) {
    return {Verdict::kWithinTolerance, differs ? "worse, but by less than the tolerance" : ""};
  }
  if (differs) return {way, ""};
  return {Verdict::kUndecided,
          fmt::format("these {} pairs could show a change of {}", count(numbers),
                      report::format_number(*compared.smallest_change, 2))};
}

void judge(ComparedMetric& compared, double level) {
  std::tie(compared.verdict, compared.reason) = judged(compared, level);
  const std::vector<std::string>& lost = compared.numbers.lost;
  const bool claims_good = compared.verdict == Verdict::kBetter ||
                           compared.verdict == Verdict::kWithinTolerance ||
                           compared.verdict == Verdict::kEqual;
  if (lost.empty() || compared.verdict == Verdict::kRefused) return;
  if (claims_good) compared.verdict = Verdict::kUndecided;
  compared.reason = fmt::format("{}{}{}", fmt::join(lost, ", "),
                                compared.reason.empty() ? "" : "; ", compared.reason);
}

void check_metric(const Comparison& comparison, const std::vector<PairedNumbers>& all,
                  const CompareOptions& options) {
  for (const ComparedMetric& compared : comparison.metrics) {
    const std::string& metric = compared.numbers.metric;
    if (options.tolerances.contains(metric) && !compared.numbers.higher_is_better) {
      throw std::invalid_argument(fmt::format(
          "{} has no better direction, so it cannot be worse by more than a tolerance", metric));
    }
  }
  if (options.metric.empty() || !comparison.metrics.empty() || all.empty()) return;
  std::set<std::string> known;
  for (const PairedNumbers& numbers : all) known.insert(report::one_line(numbers.metric));
  throw std::invalid_argument(
      fmt::format("--metric: the records have no metric \"{}\"\n  known: {}",
                  report::one_line(options.metric), fmt::join(known, ", ")));
}

}  // namespace

double beyond_limit(double found, double limit) {
  constexpr double kRounding = 1e-9;
  const double beyond = found - limit;
  return std::abs(beyond) <= kRounding * std::max(std::abs(found), std::abs(limit)) ? 0.0 : beyond;
}

std::optional<std::vector<double>> beyond_tolerance(const PairedNumbers& numbers,
                                                    const Tolerance& tolerance) {
  if (!numbers.higher_is_better) {
    throw std::invalid_argument(
        fmt::format("{} has no better direction; use max or min", numbers.metric));
  }
  const bool any_positive = std::any_of(numbers.pairs.begin(), numbers.pairs.end(),
                                        [](const NumberPair& pair) { return pair.base > 0; });
  const bool any_negative = std::any_of(numbers.pairs.begin(), numbers.pairs.end(),
                                        [](const NumberPair& pair) { return pair.base < 0; });
  if (tolerance.relative && any_positive == any_negative) return std::nullopt;
  std::vector<double> beyond;
  for (const NumberPair& pair : numbers.pairs) {
    const double worse = *numbers.higher_is_better ? -pair.difference() : pair.difference();
    const double allowed = tolerance.size * (tolerance.relative ? std::abs(pair.base) : 1.0);
    // Both numbers are rounded, however small their difference.
    const double rounding = 1e-12 * std::max(std::abs(pair.base), std::abs(pair.now));
    const double found = beyond_limit(worse, allowed);
    beyond.push_back(std::abs(found) <= rounding ? 0.0 : found);
  }
  return beyond;
}

std::string name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kDifferent:
      return "different";
    case Verdict::kWithinTolerance:
      return "no regression beyond tolerance";
    case Verdict::kEqual:
      return "equal";
    case Verdict::kUndecided:
      return "cannot be decided";
    case Verdict::kRefused:
      return "may not be compared";
  }
  return "cannot be decided";
}

bool Comparison::any_worse() const {
  return std::any_of(metrics.begin(), metrics.end(), [](const ComparedMetric& compared) {
    return compared.verdict == Verdict::kWorse;
  });
}

bool Comparison::any_undecided() const {
  return metrics.empty() || !only_in_base.empty() ||
         std::any_of(metrics.begin(), metrics.end(), [](const ComparedMetric& compared) {
           return compared.verdict == Verdict::kRefused ||
                  (compared.verdict == Verdict::kUndecided && compared.numbers.higher_is_better);
         });
}

RecordName record_name(const json& results) {
  const json& context = field(results, "context");
  const json& clean = field(context, "tree_clean");
  return {report::one_line(text(field(results, "name"))),
          report::one_line(text(field(context, "commit"))),
          report::one_line(text(field(results, "created"))), !clean.is_boolean() || clean == true};
}

Comparison compare_results(const json& base, const json& now, const CompareOptions& options) {
  if (!(options.level > 0 && options.level < 1)) {
    throw std::invalid_argument(fmt::format(
        "--level: found {}; accepted: a probability between 0 and 1, as 0.05", options.level));
  }
  PairedResults paired = pair_results(base, now);
  Comparison comparison;
  comparison.base = record_name(base);
  comparison.now = record_name(now);
  comparison.level = options.level;
  comparison.only_in_base = std::move(paired.only_in_base);
  comparison.only_in_now = std::move(paired.only_in_now);
  for (const PairedNumbers& numbers : paired.numbers) {
    if (!is_wanted(numbers, options.metric)) continue;
    comparison.metrics.emplace_back().numbers = numbers;
  }
  check_metric(comparison, paired.numbers, options);
  Tests(comparison).run(options.tolerances);
  for (ComparedMetric& compared : comparison.metrics) judge(compared, comparison.level);
  return comparison;
}

}  // namespace oar
