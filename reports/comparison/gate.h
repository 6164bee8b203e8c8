#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/comparison/comparison.h"

namespace oar {

enum class GateVerdict { kPass, kRegression, kUndecided };

/// "pass", "regression", "cannot be decided".
std::string name_of(GateVerdict verdict);

/// One limit of one gate, on one row.
struct GateCheck {
  std::string metric;               ///< for readers where a cell has it, else as the gate names it
  std::string row;                  ///< empty where no cell has the metric
  std::string limit;                ///< "at most 3% worse than the baseline", "at most 5"
  int64_t n = 0;                    ///< pairs, or numbers
  std::optional<double> base_mean;  ///< of regressions
  std::optional<double> mean;
  /// Where the mean lies, or how it has changed: at 1 - 2 level, so that each end by itself is a
  /// one-sided bound at `level`.
  std::optional<Interval> interval;
  std::optional<double> p_pass;        ///< small where the limit is kept to
  std::optional<double> p_regression;  ///< small where it is not; Holm's over the record's checks
  GateVerdict verdict = GateVerdict::kUndecided;
  std::string reason;  ///< one sentence without a full stop
};

/// What the gates of a record say.
struct GateReport {
  RecordName now;
  std::optional<RecordName> base;  ///< nothing: the sweep's own baseline
  std::string base_labels;         ///< "recipe=raster" then
  double level = 0.05;
  std::vector<GateCheck> checks;

  /// kRegression before kUndecided before kPass.
  GateVerdict verdict() const;
};

/// Checks the gates that `now` brings along from its sweep.
///
/// How much is tolerated is the gate's; whether the true mean over seeds keeps to it is tested, by
/// one-sided t-tests of what lies beyond the limit:
///
///     pass               "beyond the limit" is rejected at `level`. All checks must pass for the
///                        record to pass, so it does so wrongly with probability `level` at most,
///                        without any correction (an intersection-union test).
///     regression         "within the limit" is rejected at `level`, corrected by Holm's method: a
///                        record that keeps to all limits fails with probability `level` at most.
///     cannot be decided  neither; or fewer than kFewestPairs seeds, cells that did not end, or
///                        numbers that may not be compared.
///
/// A regression is paired by seed with the same row of `base`, or with the sweep's baseline where
/// `base` is null. Numbers equal by construction have not regressed, whatever their count. max and
/// min hold for the mean over seeds of every row, the baseline's too.
///
/// Errors  std::invalid_argument if the record has no gates, or a regression and no baseline.
GateReport check_gates(const nlohmann::json& now, const nlohmann::json* base, double level);

}  // namespace oar
