#include "metrics/moments.h"

#include <algorithm>

#include "metrics/feature_checks.h"

namespace oar {

Moments moments_of(const torch::Tensor& features) {
  constexpr int64_t kRows = 4096;  // 2048 features: 64 MiB of float64 at a time
  check_features(features, 2, "mean and covariance", "");
  const int64_t count = features.size(0), dim = features.size(1);
  const auto block = [&](int64_t first) {
    return features.detach()
        .slice(0, first, std::min(first + kRows, count))
        .to(torch::kCPU, torch::kFloat64);
  };
  torch::Tensor sum = torch::zeros({dim}, torch::kFloat64);
  for (int64_t first = 0; first < count; first += kRows) sum += block(first).sum(0);
  const torch::Tensor mean = sum / static_cast<double>(count);
  torch::Tensor covariance = torch::zeros({dim, dim}, torch::kFloat64);
  for (int64_t first = 0; first < count; first += kRows) {
    const torch::Tensor centred = block(first) - mean;
    covariance.addmm_(centred.t(), centred);
  }
  covariance /= static_cast<double>(count - 1);
  return {mean, covariance, count};
}

}  // namespace oar
