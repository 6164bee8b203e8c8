#include "metrics/feature_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace oar {

FeatureRows::FeatureRows(const torch::Tensor& features) : tensor_(features.detach()) {
  if (features.dim() != 2 || features.size(1) == 0 || !features.is_floating_point()) {
    throw std::invalid_argument(
        fmt::format("features of images: needs a float matrix [images, features], got {} [{}]",
                    c10::toString(features.scalar_type()), fmt::join(features.sizes(), ", ")));
  }
  count_ = features.size(0);
  dim_ = features.size(1);
}

FeatureRows::FeatureRows(int64_t count, int64_t dim, Reader read)
    : reader_(std::move(read)), count_(count), dim_(dim) {
  if (count < 0 || dim < 1) {
    throw std::invalid_argument(fmt::format(
        "features of images: needs a float matrix [images, features], got [{}, {}]", count, dim));
  }
}

torch::Tensor FeatureRows::checked(const torch::Tensor& rows, int64_t expected) const {
  TORCH_CHECK(rows.sizes() == at::IntArrayRef({expected, dim_}) && rows.is_floating_point(),
              "features of images: asked for ", expected, " rows of ", dim_, ", read ",
              rows.scalar_type(), " ", rows.sizes());
  const auto type = rows.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return rows.to(torch::kCPU, type).contiguous();
}

torch::Tensor FeatureRows::rows(int64_t begin, int64_t end) const {
  TORCH_CHECK(0 <= begin && begin <= end && end <= count_, "rows ", begin, " .. ", end, " of ",
              count_);
  if (!tensor_.defined()) return rows(torch::arange(begin, end, torch::kInt64));
  return checked(tensor_.slice(0, begin, end), end - begin);
}

torch::Tensor FeatureRows::rows(const torch::Tensor& index) const {
  if (!tensor_.defined()) return checked(reader_(index), index.size(0));
  return checked(tensor_.index_select(0, index.to(tensor_.device())), index.size(0));
}

void for_each_block(const FeatureRows& features, int64_t block,
                    const std::function<void(int64_t, const torch::Tensor&)>& visit) {
  for (int64_t first = 0; first < features.count(); first += block) {
    visit(first, features.rows(first, std::min(first + block, features.count())));
  }
}

}  // namespace oar
