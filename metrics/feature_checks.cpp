#include "metrics/feature_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace oar {

void check_features(const torch::Tensor& features, int64_t at_least, std::string_view metric,
                    std::string_view side) {
  const std::string where =
      side.empty() ? std::string(metric) : fmt::format("{}, {} images", metric, side);
  if (features.dim() != 2 || features.size(1) == 0 || !features.is_floating_point()) {
    throw std::invalid_argument(
        fmt::format("{}: needs a float matrix [images, features], got {} [{}]", where,
                    c10::toString(features.scalar_type()), fmt::join(features.sizes(), ", ")));
  }
  if (features.size(0) < at_least) {
    throw std::invalid_argument(fmt::format("{}: needs at least {} images, got {}; use more images",
                                            where, at_least, features.size(0)));
  }
  const auto bad_rows = features.isfinite().logical_not().any(1);
  if (bad_rows.any().item<bool>()) {
    throw std::invalid_argument(
        fmt::format("{}: {} of {} rows hold NaN or Inf, the first is row {}; look at that image "
                    "and at the model that made it",
                    where, bad_rows.sum().item<int64_t>(), features.size(0),
                    bad_rows.to(torch::kInt64).argmax().item<int64_t>()));
  }
}

torch::Tensor checked_features(const torch::Tensor& features, int64_t at_least,
                               std::string_view metric, std::string_view side) {
  check_features(features, at_least, metric, side);
  return features.detach().to(torch::kCPU, torch::kFloat64);
}

void check_same_dim(int64_t dim_a, int64_t dim_b, std::string_view metric) {
  if (dim_a == dim_b) return;
  throw std::invalid_argument(
      fmt::format("{}: one side has {} features per image, the other {}; extract both with the "
                  "same feature network",
                  metric, dim_a, dim_b));
}

}  // namespace oar
