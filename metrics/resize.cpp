#include "metrics/resize.h"

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/arange.h>

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

}  // namespace

torch::Tensor resize_bicubic_antialias(const torch::Tensor& images, int64_t size) {
  if (images.size(2) == size && images.size(3) == size) return images.to(torch::kFloat32);
  return at::_upsample_bicubic2d_aa(images.to(torch::kFloat64), {size, size},
                                    /*align_corners=*/false)
      .clamp_(0, 255)
      .to(torch::kFloat32);
}

torch::Tensor resize_bilinear_tf1(const torch::Tensor& images, int64_t size) {
  const auto x = images.to(torch::kFloat32);
  if (images.size(2) == size && images.size(3) == size) return x;
  return interpolate_tf1(interpolate_tf1(x, 3, size), 2, size);
}

}  // namespace oar
