#include "metrics/moments.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "metrics/feature_checks.h"
#include "metrics/gram.h"

namespace oar {
namespace {

constexpr int64_t kRows =
    1024;  // 2048 features: 16 MiB of float64; another number, other last bits
constexpr auto kName = "mean and covariance";

// `before` rows came earlier: the message counts from the first of all.
void check_finite(const torch::Tensor& rows, int64_t before) {
  const torch::Tensor bad = rows.isfinite().all(1).logical_not();
  if (!bad.any().item<bool>()) return;
  throw std::invalid_argument(
      fmt::format("{}: row {} holds NaN or Inf; look at that image and at the model that made it",
                  kName, before + bad.to(torch::kInt64).argmax().item<int64_t>()));
}

}  // namespace

void MomentsAccumulator::add(const torch::Tensor& rows) {
  const FeatureRows source = rows;
  const int64_t dim = source.dim();
  if (block_.defined()) check_same_dim(block_.size(1), dim, kName);
  check_finite(rows, count());
  if (!block_.defined()) {
    block_ = torch::empty({kRows, dim}, torch::kFloat64);
    sum_ = torch::zeros({dim}, torch::kFloat64);
    products_ = torch::zeros({dim, dim}, torch::kFloat64);
  }
  for (int64_t done = 0; done < source.count();) {
    const int64_t taken = std::min(kRows - filled_, source.count() - done);
    block_.slice(0, filled_, filled_ + taken).copy_(source.rows(done, done + taken));
    filled_ += taken;
    done += taken;
    if (filled_ == kRows) take_block();
  }
}

void MomentsAccumulator::take_block() {
  torch::Tensor rows = block_.slice(0, 0, filled_);
  if (!shift_.defined()) shift_ = rows.mean(0);
  rows -= shift_;
  sum_ += rows.sum(0);
  add_gram_upper_blocks(products_, rows);
  taken_ += filled_;
  filled_ = 0;
}

Moments MomentsAccumulator::finish() {
  if (count() < 2) {
    throw std::invalid_argument(
        fmt::format("{}: needs at least 2 images, got {}; use more images", kName, count()));
  }
  if (filled_ > 0) take_block();
  const torch::Tensor offset = sum_ / static_cast<double>(taken_);
  products_.sub_(torch::outer(offset, sum_)).div_(static_cast<double>(taken_ - 1));
  mirror_upper_blocks(products_);
  Moments moments{shift_ + offset, products_, taken_};
  *this = MomentsAccumulator();
  return moments;
}

Moments moments_of(const FeatureRows& features) {
  check_features(features, 2, kName, "");
  MomentsAccumulator accumulator;
  for_each_block(features, kRows,
                 [&](int64_t /*first*/, const torch::Tensor& rows) { accumulator.add(rows); });
  return accumulator.finish();
}

}  // namespace oar
