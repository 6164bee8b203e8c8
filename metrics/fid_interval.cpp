#include "metrics/fid_interval.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "metrics/feature_checks.h"
#include "metrics/numpy_random.h"

namespace oar {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Divided by n - 1.
double deviation_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

// The images in a random order; disjoint subsets are consecutive parts of it.
class Shuffled {
 public:
  Shuffled(const FeatureRows& features, int64_t subsets, int64_t seed) : features_(features) {
    if (seed < 0 || seed > int64_t{UINT32_MAX}) {
      throw std::invalid_argument(
          fmt::format("FID: the seed must be in 0 .. 4294967295 (numpy's range), got {}", seed));
    }
    if (features.count() < 2 * subsets) {
      throw std::invalid_argument(fmt::format(
          "FID: {} generated images cannot be cut into {} subsets of at least 2; use at least {}",
          features.count(), subsets, 2 * subsets));
    }
    check_features(features, 2, "FID", "generated");
    order_ = torch::tensor(RandomState(static_cast<uint32_t>(seed)).permutation(features.count()),
                           torch::kInt64);
  }

  // FID of each of `parts` disjoint subsets of N / parts images.
  std::vector<double> fids_of_parts(const FidReference& reference, int64_t parts) const {
    const int64_t size = features_.count() / parts;
    std::vector<double> fids;
    for (int64_t part = 0; part < parts; ++part) {
      // Sorted, since a file is read faster from front to back.
      const torch::Tensor members =
          std::get<0>(order_.slice(0, part * size, (part + 1) * size).sort());
      const FeatureRows subset(size, features_.dim(), [&](const torch::Tensor& index) {
        return features_.rows(members.index_select(0, index));
      });
      fids.push_back(fid(reference, FidReference(subset)));
    }
    return fids;
  }

 private:
  const FeatureRows& features_;
  torch::Tensor order_;  // int64 [N]
};

// Of a subset of m among N images, to the whole.
double standard_error(const std::vector<double>& fids, int64_t images_of_subset, int64_t images) {
  return deviation_of(fids) *
         std::sqrt(static_cast<double>(images_of_subset) / static_cast<double>(images));
}

// P(|T| <= t) for Student's T, by the finite sums for whole degrees of freedom (Abramowitz and
// Stegun, 26.7.3 and 26.7.4).
double student_within(double t, int64_t degrees) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1.0, sum = 0;
  for (int64_t i = odd ? 1 : 0; i <= degrees - 2; i += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(i + 1) / static_cast<double>(i + 2);
  }
  return odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;
}

double student_quantile(double confidence, int64_t degrees) {
  double low = 0, high = 1;
  while (student_within(high, degrees) < confidence && high < 1e15) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_within(middle, degrees) < confidence ? low : high) = middle;
  }
  return high;
}

struct Line {
  double intercept = 0, standard_error = 0;
};

// Least squares through (x, y), with the intercept's error from the residuals.
Line line_through(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size()), mean_x = mean_of(x), mean_y = mean_of(y);
  double xx = 0, xy = 0, residuals = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  const double slope = xy / xx, intercept = mean_y - slope * mean_x;
  for (size_t i = 0; i < x.size(); ++i) {
    const double residual = y[i] - intercept - slope * x[i];
    residuals += residual * residual;
  }
  const double variance = residuals / (n - 2) * (1 / n + mean_x * mean_x / xx);
  return {intercept, std::sqrt(variance)};
}

}  // namespace

FidInterval fid_interval(const FidReference& reference, const FeatureRows& generated,
                         int64_t subsets, double confidence, int64_t seed) {
  if (subsets < 2) {
    throw std::invalid_argument(
        fmt::format("FID: fid_subsets must be >= 2 (their spread is wanted), got {}", subsets));
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument(
        fmt::format("FID: confidence must lie between 0 and 1, got {}", confidence));
  }
  const Shuffled images(generated, subsets, seed);
  FidInterval interval;
  interval.subsets = subsets;
  interval.subset_size = generated.count() / subsets;
  interval.value = fid(reference, FidReference(generated));
  interval.standard_error = standard_error(images.fids_of_parts(reference, subsets),
                                           interval.subset_size, generated.count());
  const double reach = student_quantile(confidence, subsets - 1) * interval.standard_error;
  interval.low = interval.value - reach;
  interval.high = interval.value + reach;
  return interval;
}

FidInfinity fid_infinity(const FidReference& reference, const FeatureRows& generated,
                         int64_t seed) {
  constexpr int64_t kMostParts = 8;
  const Shuffled images(generated, kMostParts, seed);
  FidInfinity found;
  std::vector<double> one_over_n, values;
  double sampling = 0;
  for (int64_t parts = 1; parts <= kMostParts; parts *= 2) {
    const std::vector<double> fids = images.fids_of_parts(reference, parts);
    const int64_t size = generated.count() / parts;
    found.points.push_back({size, mean_of(fids)});
    one_over_n.push_back(1.0 / static_cast<double>(size));
    values.push_back(found.points.back().value);
    if (parts == kMostParts) sampling = standard_error(fids, size, generated.count());
  }
  const Line line = line_through(one_over_n, values);
  found.value = line.intercept;
  found.standard_error = std::hypot(sampling, line.standard_error);
  return found;
}

}  // namespace oar
