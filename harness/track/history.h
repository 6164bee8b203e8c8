#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/comparison/statistics.h"

namespace oar {

/// One line of a history: the numbers of one record, small enough to be kept for years and merged
/// by git line by line.
///
///     schema_version  1
///     name            of the sweep
///     commit          that it was measured at; tree_clean
///     created         when the record was written, UTC
///     processor, device
///     numbers         [{row, metric, name, unit, higher_is_better, settings, n, mean, values}]
///
/// `settings` are the first 16 digits of the SHA-256 of what must agree before two numbers are
/// compared (comparable_settings); `values` one for each seed, in their order.
///
/// Errors  std::invalid_argument if there is no commit, neither in the record nor in `commit`.
nlohmann::json history_line(const nlohmann::json& results, const std::string& commit);

/// Appends the line under `flock`, and is back when it has reached the disk: other processes append
/// before or after, never within.
///
/// Errors  std::invalid_argument if the history has the line's commit for its sweep, unless
///         `force`; BadData if it is no history; std::system_error if the disk refuses: then the
///         file is as long as before.
void append_to_history(const std::filesystem::path& file, const nlohmann::json& line, bool force);

/// Every line. A commit that was forced in again stands where it came last, and once.
///
/// Errors  BadData with the line's number; std::system_error if the file cannot be read.
std::vector<nlohmann::json> read_history(const std::filesystem::path& file);

/// Where a commit stands in the series of one number.
struct HistoryPoint {
  std::string commit, created;
  bool tree_clean = true;
  int64_t n = 0;
  double mean = 0.0;
  std::optional<Interval> band;  ///< what was expected of it; nothing before kFewestBefore
  bool outside = false;
};

/// One number of one row over commits.
struct HistorySeries {
  std::string sweep, row, metric, name, unit, settings;
  std::optional<bool> higher_is_better;
  std::vector<HistoryPoint> points;

  const HistoryPoint* first_outside() const;
};

/// Points before one that has a band, and most of them that its band is made of.
inline constexpr size_t kFewestBefore = 3;
inline constexpr size_t kMostBefore = 20;

/// The series of a history, those of the last record first. Numbers measured in another way begin a
/// series of their own. With `since`, records before that commit (or a beginning of it) are left
/// out: a level that was meant to change starts anew there.
///
/// A point's band is the prediction interval of the points before it that were inside theirs, at
/// most kMostBefore: mean ± t · s · √(1 + 1/n) at 99.9 %, so that an unchanged program leaves it
/// once in a thousand records; but never narrower than 0.1 % of the mean, as other processors round
/// differently.
///
/// Errors  std::invalid_argument if no record is of `since`.
std::vector<HistorySeries> series_of(const std::vector<nlohmann::json>& history,
                                     const std::string& since);

}  // namespace oar
