#include "metrics/distance_screen.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace oar {
namespace {

constexpr int64_t kRows = 2048;
constexpr double kTiny = 1e-30;  // norms are at most 1: float32 products below lose to underflow

double bound(int64_t dim) {
  constexpr double kUnit = std::numeric_limits<float>::epsilon() / 2;
  const double all = static_cast<double>(dim) * kUnit;
  TORCH_CHECK(all < 0.1, "float32 products of ", dim, " features have no useful error bound");
  return 1.01 * (all / (1 - all) + 16 * kUnit);
}

torch::Tensor mean_of(const FeatureRows& features) {
  torch::Tensor sum = torch::zeros({features.dim()}, torch::kFloat64);
  for_each_block(features, kRows, [&](int64_t /*first*/, const torch::Tensor& rows) {
    sum += rows.sum(0, /*keepdim=*/false, torch::kFloat64);
  });
  return sum / static_cast<double>(std::max<int64_t>(features.count(), 1));
}

template <typename X, typename Y>
double squared_difference(const X* x, const Y* y, int64_t dim, double scale) {
  constexpr int64_t kLanes = 8;  // side by side, where one sum would wait for itself
  std::array<double, kLanes> sums{};
  const auto add = [&](int64_t f, int64_t lane) {
    const double d = (static_cast<double>(x[f]) - static_cast<double>(y[f])) * scale;
    sums[static_cast<size_t>(lane)] += d * d;
  };
  int64_t f = 0;
  for (; f + kLanes <= dim; f += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) add(f + lane, lane);
  }
  for (; f < dim; ++f) add(f, 0);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Calls `use` with the row as a pointer to its own type.
template <typename Use>
double with_row(const torch::Tensor& rows, int64_t i, Use use) {
  const int64_t at = i * rows.size(1);
  return rows.scalar_type() == torch::kFloat64 ? use(rows.const_data_ptr<double>() + at)
                                               : use(rows.const_data_ptr<float>() + at);
}

}  // namespace

DistanceScreen::DistanceScreen(const FeatureRows& real, const FeatureRows& generated)
    : mean_(mean_of(real)), bound_(bound(real.dim())) {
  double largest = 0;
  for (const FeatureRows* side : {&real, &generated}) {
    for_each_block(*side, kRows, [&](int64_t /*first*/, const torch::Tensor& rows) {
      for (int64_t i = 0; i < rows.size(0); ++i) {
        largest = std::max(largest, squared_distance(rows, i, mean_.unsqueeze(0), 0));
      }
    });
  }
  if (largest > 0) scale_ = std::exp2(-std::ceil(std::log2(largest) / 2));
}

DistanceScreen::Block DistanceScreen::block(const FeatureRows& features, int64_t begin,
                                            int64_t end) const {
  Block block;
  block.begin = begin;
  block.rows = features.rows(begin, end);
  const int64_t count = end - begin, dim = features.dim();
  block.centred = torch::empty({count, dim}, torch::kFloat32);
  block.offset.resize(static_cast<size_t>(count));
  block.slack.resize(static_cast<size_t>(count));
  const double* const mean = mean_.const_data_ptr<double>();
  float* const centred = block.centred.data_ptr<float>();
  at::parallel_for(0, count, 16, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      float* const z = centred + i * dim;
      const double norm = with_row(block.rows, i, [&](const auto* row) {
        double sum = 0;
        for (int64_t f = 0; f < dim; ++f) {
          z[f] = static_cast<float>((static_cast<double>(row[f]) - mean[f]) * scale_);
          sum += static_cast<double>(z[f]) * static_cast<double>(z[f]);
        }
        return sum;
      });
      block.offset[static_cast<size_t>(i)] = static_cast<float>((1 - bound_) * norm / 2 - kTiny);
      block.slack[static_cast<size_t>(i)] = 2 * bound_ * norm + 4 * kTiny;
    }
  });
  return block;
}

torch::Tensor DistanceScreen::products(const Block& x, const Block& y) {
  return x.centred.matmul(y.centred.t());
}

double DistanceScreen::squared_distance(const torch::Tensor& x, int64_t i, const torch::Tensor& y,
                                        int64_t j) const {
  return with_row(x, i, [&](const auto* a) {
    return with_row(y, j,
                    [&](const auto* b) { return squared_difference(a, b, x.size(1), scale_); });
  });
}

}  // namespace oar
