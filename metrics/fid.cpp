#include "metrics/fid.h"

#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/linalg_svdvals.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "metrics/feature_checks.h"
#include "metrics/gram.h"

namespace oar {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kTolerance = 1e-8;  // of the traces: FIDs are printed with two to four decimals

void check(const Moments& moments) {
  if (moments.count < 0 || moments.count == 1) {
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
  const torch::Tensor& sigma = moments.covariance;
  const double largest = sigma.abs().max().item<double>();
  const double skew = (sigma - sigma.t()).abs().max().item<double>();
  const double lowest = sigma.diagonal().min().item<double>();
  if (skew > 1e-5 * largest || lowest < -1e-5 * largest) {  // float32 files are off by 1e-7
    throw std::invalid_argument(
        fmt::format("FID: the matrix given as covariance is none: entries reach {}, it differs "
                    "from its transpose by {} and its lowest variance is {}; look at the file",
                    largest, skew, lowest));
  }
}

// Upper triangular X with Σ = Xᵀ X, or nothing where Σ is singular up to rounding: there the last
// pivots are the rounding of what was subtracted from them.
std::optional<torch::Tensor> cholesky_factor(const torch::Tensor& covariance) {
  const auto [lower, info] = at::linalg_cholesky_ex(covariance);
  if (info.item<int64_t>() != 0) return std::nullopt;
  const torch::Tensor left = lower.diagonal().square() / covariance.diagonal();
  const double rounding = static_cast<double>(covariance.size(0)) * kEpsilon;
  if (left.min().item<double>() < 16 * rounding) return std::nullopt;
  return lower.t().contiguous();
}

torch::Tensor eigen_factor(const torch::Tensor& covariance) {
  const auto [values, vectors] = at::linalg_eigh(covariance);
  const double rounding = static_cast<double>(covariance.size(0)) * kEpsilon;
  const torch::Tensor kept =
      (values > rounding * values.max()).nonzero().squeeze(1);  // ascending, as the values
  return (vectors.index_select(1, kept) * values.index_select(0, kept).sqrt()).t().contiguous();
}

// Row k of the result is (x_1 + … + x_k − k x_{k+1}) / √(k (k + 1)): orthonormal, blind to the
// mean, so that their Gram matrix is that of the centred rows.
torch::Tensor helmert_contrasts(const torch::Tensor& rows) {
  const int64_t count = rows.size(0);
  const torch::Tensor k = torch::arange(1, count, torch::kFloat64).unsqueeze(1);
  // Around the first row, sums and products are as small as the differences between images.
  const torch::Tensor from_first = rows - rows[0];
  const torch::Tensor sums = from_first.cumsum(0).slice(0, 0, count - 1);
  return (sums - k * from_first.slice(0, 1)) / (k * (k + 1)).sqrt();
}

// X Yᵀ. An upper triangular factor has only its first `end` rows in columns < end.
torch::Tensor product(const FidReference& x, const FidReference& y) {
  constexpr int64_t kBlock = 256;
  if (!x.upper_triangular() && !y.upper_triangular()) return x.factor().matmul(y.factor().t());
  const int64_t dim = x.factor().size(1);
  const auto rows_in = [](const FidReference& side, int64_t end) {
    const int64_t rows = side.factor().size(0);
    return side.upper_triangular() ? std::min(rows, end) : rows;
  };
  torch::Tensor sum = torch::zeros({x.factor().size(0), y.factor().size(0)}, torch::kFloat64);
  for (int64_t first = 0; first < dim; first += kBlock) {
    const int64_t end = std::min(first + kBlock, dim);
    const torch::Tensor left = x.factor().slice(0, 0, rows_in(x, end)).slice(1, first, end);
    const torch::Tensor right = y.factor().slice(0, 0, rows_in(y, end)).slice(1, first, end);
    sum.slice(0, 0, left.size(0)).slice(1, 0, right.size(0)).addmm_(left, right.t());
  }
  return sum;
}

// Sum of the singular values of `p`, with an error below `tolerance`.
double nuclear_norm(torch::Tensor p, double tolerance) {
  const double scale = p.numel() == 0 ? 0 : p.abs().max().item<double>();
  if (scale == 0) return 0;
  p = p / scale;  // squares neither overflow nor vanish
  const torch::Tensor squares =
      at::linalg_eigvalsh(gram(p.size(0) < p.size(1) ? p.t() : p)).clamp_min(0);
  // Each square is off by a few ε of the largest, δ: its root by δ / 2√λ, at most by √δ.
  const torch::Tensor delta = 8 * kEpsilon * squares.max();
  const torch::Tensor roots = squares.sqrt();
  const double error = (delta / (roots + delta.sqrt())).sum().item<double>();
  if (error * scale < tolerance) return roots.sum().item<double>() * scale;
  return at::linalg_svdvals(p).sum().item<double>() * scale;
}

}  // namespace

FidReference::FidReference(const Moments& moments) {
  check(moments);
  mean_ = moments.mean.to(torch::kCPU, torch::kFloat64);
  const torch::Tensor sigma = moments.covariance.to(torch::kCPU, torch::kFloat64);
  trace_ = sigma.trace().item<double>();
  // A feature that never varies has a row and a column of zeros: Σ is singular only for its sake.
  const torch::Tensor varies = (sigma.diagonal() > 0).nonzero().squeeze(1);
  const bool all = varies.size(0) == sigma.size(0);
  const torch::Tensor core = all ? sigma : sigma.index_select(0, varies).index_select(1, varies);
  const auto triangular = core.numel() == 0 ? core : cholesky_factor(core);
  upper_triangular_ = triangular.has_value();
  const torch::Tensor factor = triangular ? *triangular : eigen_factor(core);
  factor_ = all ? factor
                : torch::zeros({factor.size(0), sigma.size(0)}, torch::kFloat64)
                      .index_copy_(1, varies, factor);
}

FidReference::FidReference(const FeatureRows& features) {
  if (features.count() > features.dim()) {
    *this = FidReference(moments_of(features));
    return;
  }
  const torch::Tensor rows = checked_features(features, 2, "FID", "");
  mean_ = rows.mean(0);
  factor_ = helmert_contrasts(rows) / std::sqrt(static_cast<double>(rows.size(0) - 1));
  trace_ = factor_.square().sum().item<double>();
}

double fid(const FidReference& a, const FidReference& b) {
  check_same_dim(a.mean().size(0), b.mean().size(0), "FID");
  const double shift = (a.mean() - b.mean()).square().sum().item<double>();
  const double traces = a.trace() + b.trace();
  return shift + traces - 2 * nuclear_norm(product(a, b), kTolerance * traces);
}

double fid(const Moments& a, const Moments& b) {
  check_same_dim(a.mean.numel(), b.mean.numel(), "FID");
  return fid(FidReference(a), FidReference(b));
}

double fid(const FeatureRows& features_a, const FeatureRows& features_b) {
  check_same_dim(features_a.dim(), features_b.dim(), "FID");
  return fid(FidReference(features_a), FidReference(features_b));
}

}  // namespace oar
