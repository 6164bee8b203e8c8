#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace oar {

/// One number of two cells that differ in what is compared alone: same labels, same seed.
struct NumberPair {
  double base = 0.0;
  double now = 0.0;
  /// The keys of what both were computed from agree: the same computation. Where the numbers differ
  /// nonetheless, the code or the processor does.
  bool same_computation = false;

  /// now - base; 0 where that is no more than rounding, a billionth of the larger.
  double difference() const;
};

/// All pairs of one metric in one row of the report.
struct PairedNumbers {
  std::vector<std::string> rows;  ///< several where they share the artifacts behind the numbers
  std::string metric;             ///< registry name
  std::string name;               ///< for readers: "FID[efficientnet_lite0]"
  std::string unit;
  std::optional<bool> higher_is_better;
  nlohmann::json settings;        ///< comparable_settings of the newer side
  std::vector<NumberPair> pairs;  ///< an artifact that several seeds share counts once
  /// Cells that give no pair although the base has the number: "seed 2 diverged". Those that ended
  /// may be the lucky ones, so nothing good follows from them alone.
  std::vector<std::string> lost;
  /// Why these numbers may not be compared: "extractor: inception_v3 against efficientnet_lite0".
  std::vector<std::string> refusals;

  /// "FID[efficientnet_lite0] ↓".
  std::string heading() const;
  /// "oar, random".
  std::string row() const;
  /// Same computations with the same outcome: equal by construction, nothing to test.
  bool equal_by_construction() const;
  /// Every pair is equal up to rounding.
  bool all_equal() const;
  double base_mean() const;
  double now_mean() const;
};

/// What two records have in common, and what one of them has alone.
struct PairedResults {
  std::vector<PairedNumbers> numbers;     ///< in the order of the newer record
  std::vector<std::string> only_in_base;  ///< ids of cells
  std::vector<std::string> only_in_now;
};

/// Pairs the cells of two records by labels and seed, and their numbers by metric.
///
/// Numbers measured in different ways (comparable_settings) are not paired but refused, and the
/// difference is named. Cells that are not done give no numbers.
PairedResults pair_results(const nlohmann::json& base, const nlohmann::json& now);

/// Pairs the cells of one record with its sweep's baseline: with the cell of the same seed that has
/// the baseline's labels and agrees in all others, or else with the only row that has them.
///
/// Errors  std::invalid_argument if the record names no baseline.
PairedResults pair_with_own_baseline(const nlohmann::json& results);

/// All numbers of a record by row and metric, each paired with itself.
PairedResults pair_with_itself(const nlohmann::json& results);

/// The same, but each row by itself even where rows share artifacts.
std::vector<PairedNumbers> numbers_by_row(const nlohmann::json& results);

/// What must agree before two numbers are compared: report::settings_of, and beyond a column's
/// needs whether the order peeks, the data's hash, and the tokenizer behind likelihoods of its
/// codes.
nlohmann::json comparable_settings(const nlohmann::json& cell, const nlohmann::json& metric);

}  // namespace oar
