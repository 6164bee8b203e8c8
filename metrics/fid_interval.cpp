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

// The polynomial of the lowest degree through the first `count` points (1/n, FID), at 1/n = 0.
double extrapolated(const std::vector<FidAtSize>& points, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    double weight = 1;  // Lagrange's, of x_j = 1/n_j
    for (size_t j = 0; j < count; ++j) {
      const auto n_i = static_cast<double>(points[i].images);
      const auto n_j = static_cast<double>(points[j].images);
      if (j != i) weight *= n_i / (n_i - n_j);
    }
    sum += weight * points[i].value;
  }
  return sum;
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
  constexpr int64_t kSpreadParts = 8;
  const int64_t needed = 4 * (generated.dim() + 1);  // full rank at a quarter of the images
  if (generated.count() < needed) {
    throw std::invalid_argument(
        fmt::format("FID∞: {} generated images in {} dimensions are too few to extrapolate from; "
                    "use at least {}",
                    generated.count(), generated.dim(), needed));
  }
  const Shuffled images(generated, kSpreadParts, seed);
  FidInfinity found;
  for (const int64_t parts : {1, 2, 4}) {
    found.points.push_back(
        {generated.count() / parts, mean_of(images.fids_of_parts(reference, parts))});
  }
  const double sampling = standard_error(images.fids_of_parts(reference, kSpreadParts),
                                         generated.count() / kSpreadParts, generated.count());
  found.value = extrapolated(found.points, 2);
  found.standard_error = std::hypot(sampling, extrapolated(found.points, 3) - found.value);
  return found;
}

}  // namespace oar
