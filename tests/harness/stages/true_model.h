#pragma once

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "datasets/planted_path.h"
#include "orders/rollout.h"

namespace oar {

/// The model that planted_path is drawn from, as a StepScorer: what a perfectly trained model says.
///
/// Given the placed patches, a code depends on the nearest one before and the nearest one after it
/// on the path: P(c) ∝ T^i(before -> c) · T^j(c -> after), where T^k goes k steps along the chain,
/// T^k(a -> c) = (1-ε)^k [c is the k-th successor of a] + (1 - (1-ε)^k) / V.
class TrueModel : public StepScorer {
 public:
  TrueModel(const PlantedPath& data, int64_t batch)
      : data_(data), placed_(batch, std::vector<int64_t>(data.config().path.numel(), -1)) {}

  int64_t batch() const override { return static_cast<int64_t>(placed_.size()); }
  torch::Device device() const override { return torch::kCPU; }
  int64_t token_evaluations() const override { return 0; }

  void score(const torch::Tensor& candidates, const Visit& visit) override {
    candidates_ = candidates.clone();
    logits_ = torch::empty({batch(), candidates.size(1), data_.config().codes});
    for (int64_t b = 0; b < batch(); ++b) {
      for (int64_t r = 0; r < candidates.size(1); ++r) {
        const int64_t index = index_of(candidates[b][r].item<int64_t>());
        for (int64_t code = 0; code < logits_.size(2); ++code) {
          logits_[b][r][code] = std::log(weight(placed_[b], index, code));
        }
      }
    }
    visit(0, logits_);
  }

  torch::Tensor chosen_logits(const torch::Tensor& choice) override {
    return logits_.index({torch::arange(batch()), choice});
  }

  void place(const torch::Tensor& choice, const torch::Tensor& codes) override {
    for (int64_t b = 0; b < batch(); ++b) {
      const auto position = candidates_[b][choice[b].item<int64_t>()].item<int64_t>();
      placed_[b][index_of(position)] = codes[b].item<int64_t>();
    }
  }

  torch::Tensor prefill(const torch::Tensor&, const torch::Tensor&) override { refuse(); }
  torch::Tensor location_log_probabilities() override { refuse(); }
  torch::Tensor future_context(const torch::Tensor&, const torch::Tensor&) override { refuse(); }

 private:
  [[noreturn]] static void refuse() { throw std::logic_error("not asked of the true model"); }

  int64_t index_of(int64_t position) const {
    return (data_.config().path == position).nonzero().item<int64_t>();
  }

  /// P(code), up to a factor, at an index of the path.
  double weight(const std::vector<int64_t>& image, int64_t index, int64_t code) const {
    double weight = 1;
    for (int64_t before = index - 1; before >= 0; --before) {
      if (image[before] < 0) continue;
      weight *= reaches(image[before], code, index - before);
      break;
    }
    for (size_t after = index + 1; after < image.size(); ++after) {
      if (image[after] < 0) continue;
      weight *= reaches(code, image[after], static_cast<int64_t>(after) - index);
      break;
    }
    return weight;
  }

  /// T^steps(from -> to).
  double reaches(int64_t from, int64_t to, int64_t steps) const {
    const double kept = std::pow(1 - data_.config().noise, static_cast<double>(steps));
    for (int64_t i = 0; i < steps; ++i) from = data_.successor()[from].item<int64_t>();
    return (from == to ? kept : 0.0) + (1 - kept) / static_cast<double>(data_.config().codes);
  }

  const PlantedPath& data_;
  std::vector<std::vector<int64_t>> placed_;  // codes by index of the path, -1 where none is placed
  torch::Tensor candidates_, logits_;
};

}  // namespace oar
