#include "metrics/feature_checks.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <string>

namespace oar {
namespace {

constexpr int64_t kRows = 2048;  // looked at at a time

struct BadRows {
  int64_t count = 0, first = 0;
};

BadRows rows_with_nan_or_inf(const FeatureRows& features) {
  BadRows bad;
  for_each_block(features, kRows, [&](int64_t first, const torch::Tensor& rows) {
    // Finite numbers add up to NaN or Inf only by overflow: one sum clears nearly every block.
    if (std::isfinite(rows.sum().item<double>())) return;
    const torch::Tensor here = rows.isfinite().all(1).logical_not();
    if (!here.any().item<bool>()) return;
    if (bad.count == 0) bad.first = first + here.to(torch::kInt64).argmax().item<int64_t>();
    bad.count += here.sum().item<int64_t>();
  });
  return bad;
}

}  // namespace

void check_features(const FeatureRows& features, int64_t at_least, std::string_view metric,
                    std::string_view side) {
  const std::string where =
      side.empty() ? std::string(metric) : fmt::format("{}, {} images", metric, side);
  if (features.count() < at_least) {
    throw std::invalid_argument(fmt::format("{}: needs at least {} images, got {}; use more images",
                                            where, at_least, features.count()));
  }
  if (const BadRows bad = rows_with_nan_or_inf(features); bad.count > 0) {
    throw std::invalid_argument(
        fmt::format("{}: {} of {} rows hold NaN or Inf, the first is row {}; look at that image "
                    "and at the model that made it",
                    where, bad.count, features.count(), bad.first));
  }
}

torch::Tensor checked_features(const FeatureRows& features, int64_t at_least,
                               std::string_view metric, std::string_view side) {
  check_features(features, at_least, metric, side);
  return features.rows(0, features.count()).to(torch::kFloat64);
}

void check_same_dim(int64_t dim_a, int64_t dim_b, std::string_view metric) {
  if (dim_a == dim_b) return;
  throw std::invalid_argument(
      fmt::format("{}: one side has {} features per image, the other {}; extract both with the "
                  "same feature network",
                  metric, dim_a, dim_b));
}

}  // namespace oar
