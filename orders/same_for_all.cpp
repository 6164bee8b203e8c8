#include "orders/same_for_all.h"

#include <torch/types.h>

#include <algorithm>
#include <numeric>

namespace oar {
namespace {

class SameForAll : public OrderPolicy {
 public:
  SameForAll(const OrderConfig& config, const std::vector<int64_t>& position_at)
      : OrderPolicy(config), position_at_(torch::tensor(position_at, torch::kInt64)) {}
  bool is_learned() const override { return false; }
  torch::Tensor position_at(const OrderRequest& request) const override {
    return position_at_.expand({request.images.size(0), position_at_.size(0)});
  }

 private:
  torch::Tensor position_at_;  // int64 [N]
};

}  // namespace

std::unique_ptr<OrderPolicy> same_for_all(const OrderConfig& config,
                                          const std::vector<int64_t>& position_at) {
  TORCH_CHECK(static_cast<int64_t>(position_at.size()) == config.grid.size(), "order ", config.name,
              " has ", position_at.size(), " of ", config.grid.size(), " patches");
  return std::make_unique<SameForAll>(config, position_at);
}

std::vector<int64_t> sorted_by(const Grid& grid,
                               const std::function<int64_t(int64_t row, int64_t col)>& rank) {
  std::vector<int64_t> ranks, position_at(grid.size());
  for (int64_t p = 0; p < grid.size(); ++p) ranks.push_back(rank(grid.row(p), grid.col(p)));
  std::iota(position_at.begin(), position_at.end(), 0);
  std::stable_sort(position_at.begin(), position_at.end(),
                   [&](int64_t a, int64_t b) { return ranks[a] < ranks[b]; });
  return position_at;
}

}  // namespace oar
