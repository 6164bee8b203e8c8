#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// Settings of planted_path.
struct PlantedPathConfig {
  torch::Tensor path;     ///< int64 [N], position of each step of the hidden path (its position_at)
  int64_t codes = 8;      ///< V, 2 .. 32767
  double noise = 0.15;    ///< ε, 0 .. 1
  int64_t images = 0;     ///< how many; 0: 20,000
  double held_out = 0.1;  ///< share of the images in Split::kHeldOut, [0, 1)
  int64_t seed = 0;       ///< of the codes, the permutation and the split
};

/// Token grids with a known answer: codes follow a Markov chain along a hidden path.
///
/// The first code of the path is uniform over V. Each further one is the successor of the last
/// with probability 1 - ε, else uniform over V; the successor is a fixed cyclic permutation of the
/// codes, drawn from the seed. Every patch alone is uniform, so only patches that are close on the
/// path tell anything about each other. Under the true model every order of the patches has the
/// same total log-likelihood (chain rule): an order differs by how hard it makes the learning, and
/// by what it peeks at.
///
/// Shapes  B images, N patches, V codes; codes by position, row-major.
/// Units   nats.
/// Errors  std::invalid_argument for a path that is no permutation or a setting out of range.
class PlantedPath {
 public:
  explicit PlantedPath(PlantedPathConfig config);

  const PlantedPathConfig& config() const { return config_; }

  /// The images, split as every data set is; no size in pixels, no classes.
  DatasetIndex index() const;

  /// Images begin .. end - 1: int64 [end - begin, N]. An image is the same in every range.
  torch::Tensor codes(int64_t begin, int64_t end) const;

  /// H = ln V + (N - 1) · h, where h is the entropy of the next code: 1 - ε + ε/V on the successor,
  /// ε/V on each other code. Exact.
  double entropy() const;

  /// log P of whole images under the true model: float64 [B] for codes int64 [B, N]; -inf for an
  /// image that ε = 0 rules out.
  torch::Tensor log_likelihood(const torch::Tensor& codes) const;

  /// The code that follows each code where there is no noise: int64 [V], one cycle.
  const torch::Tensor& successor() const { return successor_; }

 private:
  PlantedPathConfig config_;
  torch::Tensor successor_;
};

}  // namespace oar
