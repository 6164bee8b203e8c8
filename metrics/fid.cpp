#include "metrics/fid.h"

#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/linalg_svdvals.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <tuple>

#include "metrics/feature_checks.h"

namespace oar {
namespace {

void check(const Moments& moments) {
  if (moments.count < 2) {
    throw std::invalid_argument(fmt::format(
        "FID: moments of {} images have no covariance; use at least 2 images", moments.count));
  }
  const int64_t dim = moments.mean.numel();
  TORCH_CHECK(moments.mean.dim() == 1 && moments.covariance.sizes() == at::IntArrayRef({dim, dim}),
              "FID: mean ", moments.mean.sizes(), " and covariance ", moments.covariance.sizes(),
              " do not belong together");
  if (!moments.mean.isfinite().all().item<bool>() ||
      !moments.covariance.isfinite().all().item<bool>()) {
    throw std::invalid_argument(
        "FID: the moments hold NaN or Inf; look at the features they came from");
  }
}

// tr √(A B) for symmetric A, B >= 0.
double trace_of_root(const torch::Tensor& a, const torch::Tensor& b) {
  const auto [values, vectors] = at::linalg_eigh(a);
  const torch::Tensor root = (vectors * values.clamp_min(0).sqrt()).matmul(vectors.t());
  const torch::Tensor product = root.matmul(b).matmul(root);
  return at::linalg_eigvalsh((product + product.t()) / 2).clamp_min(0).sqrt().sum().item<double>();
}

}  // namespace

double fid(const Moments& a, const Moments& b) {
  check(a);
  check(b);
  check_same_dim(a.mean.size(0), b.mean.size(0), "FID");
  const double shift = (a.mean - b.mean).square().sum().item<double>();
  const double traces = a.covariance.trace().item<double>() + b.covariance.trace().item<double>();
  return shift + traces - 2 * trace_of_root(a.covariance, b.covariance);
}

double fid(const torch::Tensor& features_a, const torch::Tensor& features_b) {
  const bool few = features_a.dim() == 2 && features_b.dim() == 2 &&
                   features_a.size(0) < features_a.size(1) &&
                   features_b.size(0) < features_b.size(1);
  if (!few) return fid(moments_of(features_a), moments_of(features_b));
  const torch::Tensor a = checked_features(features_a, 2, "FID", "first set of");
  const torch::Tensor b = checked_features(features_b, 2, "FID", "second set of");
  check_same_dim(a.size(1), b.size(1), "FID");
  const torch::Tensor mean_a = a.mean(0), mean_b = b.mean(0);
  const torch::Tensor centred_a = (a - mean_a) / std::sqrt(static_cast<double>(a.size(0) - 1));
  const torch::Tensor centred_b = (b - mean_b) / std::sqrt(static_cast<double>(b.size(0) - 1));
  // With Σ1 = XᵀX and Σ2 = YᵀY the eigenvalues of Σ1 Σ2 are the squared singular values of X Yᵀ.
  const double root = at::linalg_svdvals(centred_a.matmul(centred_b.t())).sum().item<double>();
  const double traces = (centred_a.square().sum() + centred_b.square().sum()).item<double>();
  return (mean_a - mean_b).square().sum().item<double>() + traces - 2 * root;
}

}  // namespace oar
