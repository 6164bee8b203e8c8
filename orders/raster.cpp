#include <ATen/ops/arange.h>

#include "orders/order_policy.h"

namespace oar {
namespace {

class Raster : public OrderPolicy {
 public:
  using OrderPolicy::OrderPolicy;
  bool is_learned() const override { return false; }
  torch::Tensor position_at(const OrderRequest& request) const override {
    const torch::Tensor& images = request.images;
    const int64_t n = config().grid.size();
    return at::arange(n, torch::kInt64).expand({images.size(0), n});
  }
};

}  // namespace

std::unique_ptr<OrderPolicy> make_raster(const OrderConfig& config) {
  return std::make_unique<Raster>(config);
}

}  // namespace oar
