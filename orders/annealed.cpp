#include <ATen/ops/arange.h>

#include <algorithm>

#include "orders/order_policy.h"

namespace oar {
namespace {

/// Random at first, raster in the end: each image has the order of `random` (same seed, stream and
/// λ) with probability 1 until the share `anneal_start` of the training, which falls linearly to 0
/// at `anneal_end`; otherwise it is raster. One number per (seed, image) decides, so that an image
/// that has turned to raster stays there.
///
/// Source  RAR, arXiv 2411.00776, randomness annealing: start 200 and end 300 of 400 epochs, which
/// are the defaults.
class Annealed : public OrderPolicy {
 public:
  explicit Annealed(const OrderConfig& config) : OrderPolicy(config) {
    OrderConfig random = config;
    random.name = "random";
    random_ = make_order(random);
  }
  bool is_learned() const override { return false; }

  torch::Tensor position_at(const OrderRequest& request) const override {
    torch::Tensor orders = random_->position_at(request);
    const torch::Tensor raster = at::arange(config().grid.size(), torch::kInt64);
    const double random_share = share_of_random(request.trained);
    const int64_t* image = request.images.const_data_ptr<int64_t>();
    for (int64_t b = 0; b < orders.size(0); ++b) {
      const double u =
          random_uniform(config().seed, Stream::kAnnealing, {static_cast<uint64_t>(image[b])});
      if (u >= random_share) orders[b].copy_(raster);
    }
    return orders;
  }

 private:
  double share_of_random(double trained) const {
    const double start = config().anneal_start, end = config().anneal_end;
    if (trained >= end) return 0.0;
    return trained <= start ? 1.0 : (end - trained) / (end - start);
  }

  std::unique_ptr<OrderPolicy> random_;
};

}  // namespace

std::unique_ptr<OrderPolicy> make_annealed(const OrderConfig& config) {
  return std::make_unique<Annealed>(config);
}

}  // namespace oar
