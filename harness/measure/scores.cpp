#include "harness/measure/scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <utility>

#include "metrics/fid.h"
#include "metrics/fid_interval.h"
#include "metrics/inception_score.h"
#include "metrics/kid.h"
#include "metrics/manifold.h"
#include "metrics/metric.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int kMetricVersion = 1;
constexpr int64_t kAdmSplit = 5000;  // images in a part of the Inception Score, convention adm

/// Why a metric cannot be had from these sets. The text stands where the number would.
struct NotComputable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Scorer {
 public:
  Scorer(const FeatureSet& real, const FeatureSet& generated, const ExtractorIdentity& extractor,
         const ScoreOptions& options)
      : real_(real), generated_(generated), extractor_(extractor), options_(options) {}

  json score(const MetricInfo& metric) {
    json record = {{"metric", metric.name},
                   {"name", qualified_name(metric.title, extractor_)},
                   {"version", kMetricVersion},
                   {"value", nullptr},
                   {"stddev", nullptr},
                   {"higher_is_better", metric.higher_is_better},
                   {"num_generated", count_or_null(generated_)},
                   {"num_reference", count_or_null(real_)},
                   {"extractor", extractor_.name},
                   {"weights_sha256", extractor_.weights_sha256},
                   {"convention", extractor_.options.convention},
                   {"precision", extractor_.options.precision}};
    if (metric.reads == Reads::kLogits) record.erase("num_reference");
    try {
      require(metric);
      compute(metric.name, record);
      if (!std::isfinite(record.at("value").get<double>())) {
        throw NotComputable("the result is not a finite number");
      }
    } catch (const NotComputable& error) {
      refuse(record, error.what());
    } catch (const std::invalid_argument& error) {  // what a metric says of its own input
      refuse(record, error.what());
    }
    return record;
  }

 private:
  static json count_or_null(const FeatureSet& set) {
    return set.count > 0 ? json(set.count) : json(nullptr);
  }

  static void refuse(json& record, const std::string& reason) {
    record["value"] = nullptr;
    record["stddev"] = nullptr;
    record["reason"] = reason;
  }

  static void require(const FeatureSet& set, const char* side, Reads reads) {
    const auto need = [&](bool there, const std::string& what) {
      if (!there) throw NotComputable(fmt::format("the {} side has no {}", side, what));
    };
    if (reads == Reads::kFeatures) {
      need(set.features.has_value(), "features: a file of statistics has mean and covariance only");
    } else if (reads == Reads::kLogits) {
      need(set.logits.has_value(), "class scores: this network has no classes");
    } else if (set.count == 1) {
      throw NotComputable(fmt::format("one {} image has no covariance; use at least 2", side));
    } else if (reads == Reads::kMoments) {
      need(set.moments.has_value(), "mean and covariance");
    } else {
      need(set.spatial.has_value(),
           "spatial features: only inception_v3 has them, and statistics as mu_s and sigma_s");
    }
  }

  void require(const MetricInfo& metric) const {
    require(generated_, "generated", metric.reads);
    if (metric.reads == Reads::kLogits) return;
    // FID∞ draws from the generated images alone: of the real ones the moments will do.
    require(real_, "real", metric.name == "fid_infinity" ? Reads::kMoments : metric.reads);
  }

  void compute(std::string_view metric, json& record) {
    if (metric == "fid") return compute_fid(record);
    if (metric == "fid_infinity") return compute_fid_infinity(record);
    if (metric == "sfid") {
      record["value"] = fid(*real_.spatial, *generated_.spatial);
    } else if (metric == "isc") {
      compute_isc(record);
    } else if (metric == "kid") {
      compute_kid(record);
    } else {
      compute_manifold(metric, record);
    }
  }

  void compute_fid(json& record) {
    record["ci95"] = nullptr;
    if (options_.fid_subsets == 0 || !generated_.features ||
        generated_.count < 2 * options_.fid_subsets) {
      record["value"] = fid(reference(), factor_of(generated_));
      return;
    }
    const FidInterval found = fid_interval(reference(), *generated_.features, options_.fid_subsets);
    record["value"] = found.value;
    record["standard_error"] = found.standard_error;
    record["ci95"] = {found.low, found.high};
    record["fid_subsets"] = found.subsets;
    record["fid_subset_size"] = found.subset_size;
  }

  void compute_fid_infinity(json& record) {
    const FidInfinity found = fid_infinity(reference(), *generated_.features);
    record["value"] = found.value;
    record["standard_error"] = found.standard_error;
  }

  void compute_isc(json& record) {
    const FeatureRows& logits = *generated_.logits;
    if (extractor_.options.convention == "adm") {
      const InceptionScore found = inception_score_in_order(logits, kAdmSplit);
      record["value"] = found.mean;
      record["stddev"] = found.stddev;
      record["isc_split_size"] = kAdmSplit;
      return;
    }
    const InceptionScore found = inception_score(logits, options_.isc_splits);
    record["value"] = found.mean;
    record["stddev"] = found.stddev;
    record["isc_splits"] = options_.isc_splits;
  }

  void compute_kid(json& record) {
    const Kid found =
        kid(*real_.features, *generated_.features, options_.kid_subsets, options_.kid_subset_size);
    record["value"] = found.mean;
    record["stddev"] = found.stddev;
    record["kid_subsets"] = options_.kid_subsets;
    record["kid_subset_size"] = options_.kid_subset_size;
  }

  void compute_manifold(std::string_view metric, json& record) {
    const bool two = metric == "precision" || metric == "recall";
    const int64_t k = two ? options_.pr_k : options_.dc_k;
    const int64_t most_of_real = real_.count - 1;
    const int64_t most = two ? std::min(most_of_real, generated_.count - 1) : most_of_real;
    if (k > most) {
      throw NotComputable(
          fmt::format("{} = {} neighbours, but {} other images at most; use {} {} "
                      "or less, or more images",
                      two ? "--pr-k" : "--dc-k", k, most, two ? "--pr-k" : "--dc-k", most));
    }
    record["k"] = k;
    if (!manifold_) {  // all four from one pass; a k that is too large concerns its own two only
      const int64_t smaller = std::min(real_.count, generated_.count) - 1;
      manifold_ =
          manifold_metrics(*real_.features, *generated_.features,
                           std::clamp<int64_t>(options_.pr_k, 1, std::max<int64_t>(smaller, 1)),
                           std::min(options_.dc_k, most_of_real));
    }
    record["value"] = metric == "precision" ? manifold_->precision
                      : metric == "recall"  ? manifold_->recall
                      : metric == "density" ? manifold_->density
                                            : manifold_->coverage;
  }

  // From no more images than features, the features themselves spare FID the rounding of a singular
  // covariance.
  static FidReference factor_of(const FeatureSet& set) {
    if (set.features && set.count <= set.features->dim()) return FidReference(*set.features);
    return FidReference(*set.moments);
  }

  // The real side, prepared once for all the sets that are held against it.
  const FidReference& reference() {
    if (!reference_) reference_ = factor_of(real_);
    return *reference_;
  }

  const FeatureSet& real_;
  const FeatureSet& generated_;
  const ExtractorIdentity& extractor_;
  const ScoreOptions& options_;
  std::optional<FidReference> reference_;
  std::optional<ManifoldScores> manifold_;
};

}  // namespace

std::vector<json> compute_scores(const FeatureSet& real, const FeatureSet& generated,
                                 const ExtractorIdentity& extractor, const ScoreOptions& options,
                                 const OnMetric& on_metric) {
  Scorer scorer(real, generated, extractor, options);
  std::vector<json> scores;
  for (const std::string& name : options.metrics) {
    const MetricInfo& metric = find_metric(name);
    if (on_metric) on_metric(std::string(metric.title));
    scores.push_back(scorer.score(metric));
  }
  return scores;
}

std::vector<json> score_warnings(const FeatureSet& real, const FeatureSet& generated,
                                 const ExtractorIdentity& extractor) {
  std::vector<json> warnings;
  const auto warn = [&](const char* name, const std::string& message) {
    warnings.push_back({{"warning", name}, {"message", message}});
  };
  const auto dim_of = [](const FeatureSet& set) {
    return set.moments ? set.moments->mean.numel() : set.features ? set.features->dim() : 0;
  };
  const auto check = [&](const FeatureSet& set, const char* side) {
    const int64_t dim = dim_of(set);
    if (set.count == 0) {
      warn("unknown_number_of_images",
           fmt::format("the {} side is a file of statistics that does not say how many images are "
                       "behind it; FID depends on that number",
                       side));
    } else if (set.count <= dim) {
      warn("fewer_images_than_features",
           fmt::format("{} {} images in {} dimensions: the covariance is singular and most of FID "
                       "may be bias. Compare it only with FID of equally many images; KID has no "
                       "such bias",
                       set.count, side, dim));
    } else if (set.count < 5 * dim) {
      warn("few_images_for_the_dimension",
           fmt::format("{} {} images in {} dimensions: FID still falls with more of them. Compare "
                       "it only with FID of equally many images",
                       set.count, side, dim));
    }
  };
  check(real, "real");
  check(generated, "generated");
  if (real.count > 0 && generated.count > 0 && real.count != generated.count) {
    warn("unequal_numbers_of_images",
         fmt::format("{} real against {} generated images: precision, recall, density and coverage "
                     "depend on both numbers",
                     real.count, generated.count));
  }
  if (extractor.name == "inception_v3" && extractor.weights_sha256 != kInception20151205Sha256) {
    warn("unpublished_weights",
         fmt::format("the weights {} are not the published 2015-12-05 Inception: these numbers "
                     "compare with nobody else's",
                     extractor.weights_sha256.substr(0, 8)));
  }
  return warnings;
}

}  // namespace oar
