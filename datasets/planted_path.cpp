#include "datasets/planted_path.h"

#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>

#include "datasets/item_random.h"
#include "datasets/sha256.h"
#include "datasets/split.h"

namespace oar {
namespace {

constexpr int64_t kDefaultImages = 20'000;
constexpr int64_t kMaxImages = 10'000'000;  // the names have seven digits
constexpr int64_t kMaxCodes = 32'767;       // token grids are kept as int16
constexpr int64_t kPermutation = -1;        // its number; those of images begin at 0

void check(const PlantedPathConfig& config) {
  const torch::Tensor& path = config.path;
  const bool permutation = path.defined() && path.dim() == 1 && path.numel() > 0 &&
                           path.scalar_type() == torch::kInt64 &&
                           std::get<0>(path.sort()).equal(at::arange(path.numel(), path.options()));
  if (!permutation) {
    throw std::invalid_argument(
        "planted_path: path must be an int64 permutation of the positions 0 .. N-1");
  }
  if (config.codes < 2 || config.codes > kMaxCodes) {
    throw std::invalid_argument(
        fmt::format("planted_path: codes must be 2 to {}, got {}", kMaxCodes, config.codes));
  }
  if (!(config.noise >= 0 && config.noise <= 1)) {
    throw std::invalid_argument(
        fmt::format("planted_path: noise must be 0 to 1, got {}", config.noise));
  }
  if (config.images < 0 || config.images > kMaxImages) {
    throw std::invalid_argument(
        fmt::format("planted_path: images must be 0 to {}, got {}", kMaxImages, config.images));
  }
  if (!(config.held_out >= 0 && config.held_out < 1)) {
    throw std::invalid_argument(fmt::format(
        "planted_path: held_out must be at least 0 and below 1, got {}", config.held_out));
  }
}

/// A random permutation of 0 .. n-1 that is one cycle (Sattolo), so that no code follows itself.
torch::Tensor cyclic_permutation(int64_t n, ItemRandom random) {
  torch::Tensor permutation = at::arange(n, torch::kInt64);
  int64_t* code = permutation.mutable_data_ptr<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) std::swap(code[i], code[random.below(i)]);
  return permutation;
}

/// count · log(p), and 0 for a count of 0 whatever p is. `count` int64.
torch::Tensor times_log(const torch::Tensor& count, double p) {
  const torch::Tensor counted = count.to(torch::kFloat64);
  return (counted * std::log(p)).masked_fill(count == 0, 0.0);
}

double minus_p_log_p(double p) { return p > 0 ? -p * std::log(p) : 0.0; }

}  // namespace

PlantedPath::PlantedPath(PlantedPathConfig config) : config_(std::move(config)) {
  check(config_);
  if (config_.images == 0) config_.images = kDefaultImages;
  successor_ = cyclic_permutation(config_.codes, ItemRandom(config_.seed, kPermutation));
}

DatasetIndex PlantedPath::index() const {
  DatasetIndex index;
  index.images.resize(config_.images);
  for (int64_t i = 0; i < config_.images; ++i) {
    const torch::Tensor image = codes(i, i + 1);
    index.images[i].file = fmt::format("planted_path-{:07}", i);
    index.images[i].sha256 =
        sha256_hex(std::as_bytes(std::span(image.const_data_ptr<int64_t>(), image.numel())));
  }
  assign_splits(index.images, config_.held_out, config_.seed);
  return index;
}

torch::Tensor PlantedPath::codes(int64_t begin, int64_t end) const {
  const int64_t n = config_.path.numel();
  torch::Tensor codes = torch::empty({end - begin, n}, torch::kInt64);
  const int64_t* position = config_.path.const_data_ptr<int64_t>();
  const int64_t* successor = successor_.const_data_ptr<int64_t>();
  for (int64_t i = begin; i < end; ++i) {
    ItemRandom random(config_.seed, i);
    int64_t* image = codes.mutable_data_ptr<int64_t>() + (i - begin) * n;
    int64_t code = random.below(config_.codes);
    image[position[0]] = code;
    for (int64_t step = 1; step < n; ++step) {
      const bool noisy = random.uniform(0, 1) < config_.noise;
      code = noisy ? random.below(config_.codes) : successor[code];
      image[position[step]] = code;
    }
  }
  return codes;
}

double PlantedPath::entropy() const {
  const auto v = static_cast<double>(config_.codes), noise = config_.noise;
  const double next = minus_p_log_p(1 - noise + noise / v) + (v - 1) * minus_p_log_p(noise / v);
  return std::log(v) + static_cast<double>(config_.path.numel() - 1) * next;
}

torch::Tensor PlantedPath::log_likelihood(const torch::Tensor& codes) const {
  const auto v = static_cast<double>(config_.codes), noise = config_.noise;
  const int64_t steps = config_.path.numel() - 1;
  const torch::Tensor along = codes.index_select(1, config_.path);
  const torch::Tensor last = along.narrow(1, 0, steps), next = along.narrow(1, 1, steps);
  const torch::Tensor followed = (successor_.take(last) == next).sum(1);
  return times_log(followed, 1 - noise + noise / v) + times_log(steps - followed, noise / v) -
         std::log(v);
}

}  // namespace oar
