#include "orders/patch_detail.h"

#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace oar {
namespace {

/// Ranks 0 .. N-1 of the values of one image, equal ones sharing their mean rank: float64 [N].
torch::Tensor ranks_of(const torch::Tensor& values) {
  const torch::Tensor column = values.unsqueeze(1), row = values.unsqueeze(0);
  const torch::Tensor below = (row < column).sum(1), equal = (row == column).sum(1);
  return below.to(torch::kFloat64) + (equal.to(torch::kFloat64) - 1) / 2;
}

torch::Tensor centred(const torch::Tensor& ranks) { return ranks - ranks.mean(); }

}  // namespace

torch::Tensor patch_detail(const torch::Tensor& images, const Grid& grid) {
  if (images.dim() != 4 || images.scalar_type() != torch::kUInt8 || images.size(1) != 3 ||
      images.size(2) % grid.rows != 0 || images.size(3) % grid.cols != 0 || images.numel() == 0) {
    throw std::invalid_argument(
        fmt::format("details of a {0}x{1} grid need images uint8 [B, 3, multiple of {0}, multiple "
                    "of {1}]; found [{2}]",
                    grid.rows, grid.cols, fmt::join(images.sizes().vec(), ", ")));
  }
  const int64_t height = images.size(2) / grid.rows, width = images.size(3) / grid.cols;
  return images.cpu()
      .to(torch::kFloat64)
      .mean(1)
      .view({images.size(0), grid.rows, height, grid.cols, width})
      .std(at::IntArrayRef{2, 4}, /*unbiased=*/false)
      .flatten(1);
}

torch::Tensor simple_first(const torch::Tensor& step_of, const torch::Tensor& detail) {
  if (step_of.dim() != 2 || step_of.sizes() != detail.sizes()) {
    throw std::invalid_argument(
        fmt::format("details must be [images, patches] as their steps are; found [{}] and [{}]",
                    fmt::join(detail.sizes().vec(), ", "), fmt::join(step_of.sizes().vec(), ", ")));
  }
  const torch::Tensor steps = step_of.cpu().to(torch::kFloat64), details = detail.cpu();
  std::vector<torch::Tensor> rho;  // one image at a time: ranks take N² comparisons
  for (int64_t i = 0; i < steps.size(0); ++i) {
    const torch::Tensor a = centred(steps[i]), b = centred(ranks_of(details[i]));
    rho.push_back(a.dot(b) / (a.norm() * b.norm()));  // 0 / 0 where all ranks are one
  }
  return at::stack(rho);
}

}  // namespace oar
