#include "metrics/resize.h"

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace oar {
namespace {

// Rows `dim` of x, linearly interpolated at i * float32(in / out).
torch::Tensor interpolate_tf1(const torch::Tensor& x, int64_t dim, int64_t size) {
  const int64_t in = x.size(dim);
  const auto scale = static_cast<float>(static_cast<double>(in) / static_cast<double>(size));
  const auto source = at::arange(size, x.options()) * scale;
  const auto low = source.to(torch::kInt64);
  const auto high = (low + 1).clamp_max(in - 1);
  std::vector<int64_t> along(static_cast<size_t>(x.dim()), 1);
  along[static_cast<size_t>(dim)] = size;
  const auto weight = (source - low).view(along);
  const auto from = x.index_select(dim, low);
  return from + (x.index_select(dim, high) - from) * weight;
}

constexpr double kFixedPoint = 1 << 22;  // of Pillow's weights for bytes

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// What each output pixel takes of each input pixel, in units of 2^-22: float64 [out, in] of whole
// numbers.
torch::Tensor rounded_bicubic_weights(int64_t in, int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = 2 * stretch, shrink = 1 / stretch;
  const torch::Tensor weights = at::zeros({out, in}, torch::kFloat64);
  auto weight = weights.accessor<double, 2>();
  for (int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const auto end = std::min(static_cast<int64_t>(centre + support + 0.5), in);
    std::vector<double> taps;
    double sum = 0;
    for (int64_t j = first; j < end; ++j) {
      taps.push_back(cubic((static_cast<double>(j) - centre + 0.5) * shrink));
      sum += taps.back();
    }
    for (int64_t j = first; j < end; ++j) {
      weight[i][j] = std::round(taps[static_cast<size_t>(j - first)] / sum * kFixedPoint);
    }
  }
  return weights;
}

// Sums of weights and bytes are whole numbers below 2^53: float64 holds them exactly, in any order.
torch::Tensor to_grey_levels(const torch::Tensor& sums) {
  return (sums / kFixedPoint + 0.5).floor_().clamp_(0, 255);
}

}  // namespace

torch::Tensor resize_bicubic_antialias(const torch::Tensor& images, int64_t size) {
  if (images.size(2) == size && images.size(3) == size) return images.to(torch::kFloat32);
  return at::_upsample_bicubic2d_aa(images.to(torch::kFloat64), {size, size},
                                    /*align_corners=*/false)
      .clamp_(0, 255)
      .to(torch::kFloat32);
}

torch::Tensor resize_bicubic_rounded(const torch::Tensor& images, int64_t size) {
  torch::Tensor x = images.to(torch::kFloat64);
  const auto weights = [&](int64_t in) {
    return rounded_bicubic_weights(in, size).to(images.device());
  };
  if (images.size(3) != size) x = to_grey_levels(at::matmul(x, weights(images.size(3)).t()));
  if (images.size(2) != size) x = to_grey_levels(at::matmul(weights(images.size(2)), x));
  return x.to(torch::kUInt8);
}

torch::Tensor resize_bilinear_tf1(const torch::Tensor& images, int64_t size) {
  const auto x = images.to(torch::kFloat32);
  if (images.size(2) == size && images.size(3) == size) return x;
  return interpolate_tf1(interpolate_tf1(x, 3, size), 2, size);
}

}  // namespace oar
