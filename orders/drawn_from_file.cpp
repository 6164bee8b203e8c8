#include "orders/counter_random.h"
#include "orders/given_orders.h"

namespace oar {
namespace {

/// One of the orders that are `given`, drawn for each image, all equally likely: whose orders they
/// are does not matter. So what was found for some images can be tried on others.
class DrawnFromFile : public OrderPolicy {
 public:
  explicit DrawnFromFile(const OrderConfig& config) : OrderPolicy(config) {
    check_given_orders(config);
  }
  bool is_learned() const override { return false; }

  torch::Tensor position_at(const OrderRequest& request) const override {
    const torch::Tensor& given = config().given;
    torch::Tensor drawn = torch::empty_like(request.images);
    for (int64_t b = 0; b < drawn.size(0); ++b) {
      const auto image = static_cast<uint64_t>(request.images[b].item<int64_t>());
      drawn.mutable_data_ptr<int64_t>()[b] = static_cast<int64_t>(random_below(
          static_cast<uint64_t>(given.size(0)), config().seed, config().stream, {image}));
    }
    return given.index_select(0, drawn);
  }
};

}  // namespace

std::unique_ptr<OrderPolicy> make_drawn_from_file(const OrderConfig& config) {
  return std::make_unique<DrawnFromFile>(config);
}

}  // namespace oar
