#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/measure/feature_set.h"
#include "metrics/feature_extractor.h"

namespace oar {

/// How metrics are computed from features. The names are torch-fidelity's where it has them.
struct ScoreOptions {
  std::vector<std::string> metrics;  ///< of metrics.def
  int64_t kid_subsets = 100;
  int64_t kid_subset_size = 1000;
  int64_t pr_k = 3;          ///< neighbours of precision and recall
  int64_t dc_k = 5;          ///< neighbours of density and coverage
  int64_t isc_splits = 10;   ///< not read under the convention adm, whose parts have 5000 images
  int64_t fid_subsets = 10;  ///< disjoint subsets behind FID's interval; 0: no interval
};

/// What is said before each metric is computed, for those who wait.
using OnMetric = std::function<void(const std::string& title)>;

/// One record per metric, in the order asked for: metric, name, version, value, stddev,
/// higher_is_better, num_generated, num_reference, extractor, weights_sha256, convention, precision
/// and the metric's own settings. A metric that these sets cannot have carries value null and the
/// reason; no number is ever NaN.
///
/// KID has its spread over subsets, FID a 95 % interval from subsets without replacement.
std::vector<nlohmann::json> compute_scores(const FeatureSet& real, const FeatureSet& generated,
                                           const ExtractorIdentity& extractor,
                                           const ScoreOptions& options,
                                           const OnMetric& on_metric = {});

/// What a reader must know before trusting the numbers, as {"warning": name, "message": text}:
/// too few images for the dimension, unequal numbers of them, weights that nobody published.
std::vector<nlohmann::json> score_warnings(const FeatureSet& real, const FeatureSet& generated,
                                           const ExtractorIdentity& extractor);

}  // namespace oar
