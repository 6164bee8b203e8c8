#include <cmath>

#include "orders/learned_order.h"

namespace oar {
namespace {

/// Draws the next patch from the softmax of score / T over open patches instead of taking the best:
/// the largest of score + T·g, g standard Gumbel noise, has that distribution.
class Sampled : public LearnedOrder {
 public:
  using LearnedOrder::LearnedOrder;
  torch::Tensor greedy_penalty() const override { return {}; }

 protected:
  torch::Tensor choose(const StepState& state) const override {
    const torch::Tensor& images = state.images;
    torch::Tensor noise = torch::empty(state.filled.sizes(), torch::kFloat32);
    float* out = noise.mutable_data_ptr<float>();
    const int64_t* image = images.const_data_ptr<int64_t>();
    const int64_t n = noise.size(1);
    for (int64_t i = 0; i < noise.numel(); ++i) {
      const double u =
          random_uniform(config().seed, Stream::kOrderNoise,
                         {static_cast<uint64_t>(image[i / n]), static_cast<uint64_t>(state.step),
                          static_cast<uint64_t>(i % n)});
      out[i] = static_cast<float>(-config().order_temperature * std::log(-std::log(u + 0x1.0p-54)));
    }
    StepState noisy = state;
    noisy.confidence = state.confidence + noise.to(state.confidence.device());
    return LearnedOrder::choose(noisy);
  }
};

}  // namespace

std::unique_ptr<OrderPolicy> make_sampled(const OrderConfig& config) {
  return std::make_unique<Sampled>(config);
}

}  // namespace oar
