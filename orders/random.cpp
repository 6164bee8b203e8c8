#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "orders/order_policy.h"

namespace oar {
namespace {

/// A uniformly random order, or with λ = `distance_penalty` > 0 one that prefers short jumps: the
/// first patch is uniform, each further one is p with probability ∝ exp(−λ · distance(last, p)).
/// Every draw has counters of its own (seed, stream, image, index): the order of an image does not
/// depend on which other images share its batch.
class Random : public OrderPolicy {
 public:
  explicit Random(const OrderConfig& config) : OrderPolicy(config) {
    if (config.distance_penalty > 0) distance_ = distance_table(config.grid, config.distance);
  }
  bool is_learned() const override { return false; }

  torch::Tensor position_at(const OrderRequest& request) const override {
    const torch::Tensor& images = request.images;
    const int64_t n = config().grid.size();
    torch::Tensor orders = torch::empty({images.size(0), n}, torch::kInt64);
    const int64_t* image = images.const_data_ptr<int64_t>();
    int64_t* order = orders.mutable_data_ptr<int64_t>();
    at::parallel_for(0, images.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        int64_t* position_at = order + b * n;
        std::iota(position_at, position_at + n, 0);
        distance_.defined() ? walk(position_at, image[b]) : shuffle(position_at, image[b]);
      }
    });
    return orders;
  }

 private:
  /// Fisher-Yates.
  void shuffle(int64_t* position, uint64_t image) const {
    for (int64_t i = config().grid.size() - 1; i > 0; --i) {
      const uint64_t j =
          random_below(i + 1, config().seed, config().stream, {image, static_cast<uint64_t>(i)});
      std::swap(position[i], position[j]);
    }
  }

  /// Positions t .. N-1 of `position` are open at step t, in rising order.
  void walk(int64_t* position, uint64_t image) const {
    const int64_t n = config().grid.size();
    std::vector<double> weight(n, 1.0);  // of each open position
    for (int64_t t = 0; t < n; ++t) {
      const double u =
          random_uniform(config().seed, config().stream, {image, static_cast<uint64_t>(t)});
      const int64_t drawn = t + draw(weight.data(), n - t, u);
      std::rotate(position + t, position + drawn, position + drawn + 1);
      weigh(weight.data(), position + t + 1, n - t - 1, position[t]);
    }
  }

  /// exp(−λ · (distance − that of the nearest)) of each open position: never all zero.
  void weigh(double* weight, const int64_t* open, int64_t num_open, int64_t last) const {
    const double* from_last = distance_.const_data_ptr<double>() + last * config().grid.size();
    double nearest = std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < num_open; ++i) nearest = std::min(nearest, from_last[open[i]]);
    for (int64_t i = 0; i < num_open; ++i) {
      weight[i] = std::exp(-config().distance_penalty * (from_last[open[i]] - nearest));
    }
  }

  /// Inverse transform: index i with probability weight[i] / their sum, u uniform in [0, 1).
  static int64_t draw(const double* weight, int64_t size, double u) {
    double left = u * std::accumulate(weight, weight + size, 0.0);
    int64_t drawn = -1;
    for (int64_t i = 0; i < size && left >= 0; ++i) {
      if (weight[i] == 0) continue;  // rounding must not end on an impossible one
      drawn = i;
      left -= weight[i];
    }
    return drawn;
  }

  torch::Tensor distance_;  // float64 [N, N], patches; only where λ > 0
};

}  // namespace

std::unique_ptr<OrderPolicy> make_random(const OrderConfig& config) {
  return std::make_unique<Random>(config);
}

}  // namespace oar
