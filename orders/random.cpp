#include <numeric>
#include <utility>

#include "orders/order_policy.h"

namespace oar {
namespace {

/// Fisher-Yates, each swap drawn from the counters (seed, image, index): the order of an image
/// does not depend on which other images share its batch.
class Random : public OrderPolicy {
 public:
  using OrderPolicy::OrderPolicy;
  bool is_learned() const override { return false; }

  torch::Tensor position_at(const OrderRequest& request) const override {
    const torch::Tensor& images = request.images;
    const int64_t n = config().grid.size();
    torch::Tensor orders = torch::empty({images.size(0), n}, torch::kInt64);
    const int64_t* image = images.const_data_ptr<int64_t>();
    for (int64_t b = 0; b < images.size(0); ++b) {
      int64_t* position = orders.mutable_data_ptr<int64_t>() + b * n;
      std::iota(position, position + n, 0);
      for (int64_t i = n - 1; i > 0; --i) {
        const uint64_t j =
            random_below(i + 1, config().seed, config().stream,
                         {static_cast<uint64_t>(image[b]), static_cast<uint64_t>(i)});
        std::swap(position[i], position[j]);
      }
    }
    return orders;
  }
};

}  // namespace

std::unique_ptr<OrderPolicy> make_random(const OrderConfig& config) {
  return std::make_unique<Random>(config);
}

}  // namespace oar
