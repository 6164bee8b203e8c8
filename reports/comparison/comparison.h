#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/comparison/pairs.h"
#include "reports/comparison/statistics.h"

namespace oar {

/// Fewest pairs that a test is made of. Where training ends in one of two ways, two pairs agree by
/// chance too often: 12 % false alarms at a level of 5 %, against 4 % of three.
inline constexpr int64_t kFewestPairs = 3;

/// The power at which the smallest change is stated.
inline constexpr double kPower = 0.8;

/// How much worse a metric may be before it counts.
struct Tolerance {
  double size = 0.0;
  bool relative = false;  ///< a share of the base's value; else in the metric's unit
};

/// Beyond each pair's tolerance: positive where it is worse by more than that, in the metric's
/// better direction. Nothing where a relative tolerance has no meaning: the base's values have both
/// signs, or are 0.
///
/// Errors  std::invalid_argument if neither direction is better.
std::optional<std::vector<double>> beyond_tolerance(const PairedNumbers& numbers,
                                                    const Tolerance& tolerance);

/// found - limit; 0 where that is no more than rounding, a billionth of the larger: what lies at a
/// limit keeps to it.
double beyond_limit(double found, double limit);

enum class Verdict {
  kBetter,
  kWorse,
  kDifferent,        ///< of a metric without better direction
  kWithinTolerance,  ///< not worse by more than the stated tolerance; it may be worse by less
  kEqual,            ///< by construction, or in every one of kFewestPairs pairs or more
  kUndecided,
  kRefused,  ///< measured in different ways
};

/// "better", ..., "cannot be decided", "may not be compared".
std::string name_of(Verdict verdict);

/// One metric in one row, base against now.
struct ComparedMetric {
  PairedNumbers numbers;
  double stddev = 0.0;               ///< of the differences
  std::optional<Interval> interval;  ///< of the mean difference, at 1 - level, uncorrected
  std::optional<double> p;           ///< two-sided; none where no test was made
  std::optional<double> p_holm;
  std::optional<Tolerance> tolerance;
  std::optional<double> p_tolerance;  ///< Holm's, of "not worse by more than the tolerance"
  /// The change that these pairs would have shown with probability kPower, at the level that Holm's
  /// correction asks of the smallest p; from the spread of the differences.
  std::optional<double> smallest_change;
  Verdict verdict = Verdict::kUndecided;
  std::string reason;  ///< one sentence without a full stop; empty where the verdict says it all
};

struct CompareOptions {
  double level = 0.05;                               ///< of false alarms, over all tests together
  std::string metric;                                ///< registry or reader's name; empty: all
  std::map<std::string, Tolerance> tolerances = {};  ///< by registry name
};

/// Where a record comes from, for headings.
struct RecordName {
  std::string sweep, commit, created;
  bool tree_clean = true;
};

/// Two records side by side.
struct Comparison {
  RecordName base, now;
  double level = 0.05;
  int64_t tests = 0;   ///< that Holm's correction is over
  int64_t fewest = 0;  ///< pairs of the smallest test
  int64_t tolerance_tests = 0;
  std::vector<ComparedMetric> metrics;
  std::vector<std::string> only_in_base, only_in_now;  ///< ids of cells

  /// A directed metric is worse.
  bool any_worse() const;
  /// A directed metric cannot be decided, something may not be compared, or nothing was.
  bool any_undecided() const;
};

/// Compares two records: cells are paired by labels and seed, metrics by what they measure.
///
/// Each metric of each row has a paired t-test of its differences, two-sided; their p values are
/// corrected together by Holm's method, so that with no change at all some verdict is better, worse
/// or different with probability `level` at most. Numbers that are equal by construction are not
/// tested. Fewer than kFewestPairs pairs decide nothing. A newer cell that did not end, where the
/// base's did, leaves the verdicts worse, different and cannot be decided.
///
/// Errors  std::invalid_argument for a level outside (0, 1), an unknown metric, or a tolerance of a
///         metric that has no better direction.
Comparison compare_results(const nlohmann::json& base, const nlohmann::json& now,
                           const CompareOptions& options);

RecordName record_name(const nlohmann::json& results);

}  // namespace oar
