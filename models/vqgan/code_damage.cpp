#include "models/vqgan/code_damage.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cdist.h>

#include <tuple>

#include "datasets/item_random.h"
#include "models/vqgan/quantizer.h"

namespace oar {
namespace {

constexpr int64_t kIterations = 25;

/// The row of `rows` nearest to each vector; ties to the first.
torch::Tensor nearest_of(const torch::Tensor& vectors, const torch::Tensor& rows) {
  return at::cdist(vectors, rows).argmin(1);
}

}  // namespace

torch::Tensor merged_codes(const torch::Tensor& codebook, const torch::Tensor& sample, int64_t kept,
                           int64_t seed) {
  const torch::NoGradGuard no_gradients;
  const int64_t codes = codebook.size(0);
  if (kept >= codes) return at::arange(codes, torch::kLong);
  const torch::Tensor vectors = codebook.to(torch::kFloat).cpu();
  const torch::Tensor centres =
      k_means(vectors.index_select(0, sample), kept, kIterations,
              at::detail::createCPUGenerator(static_cast<uint64_t>(seed)));
  const torch::Tensor standing = std::get<0>(at::_unique2(nearest_of(centres, vectors)));
  torch::Tensor stands_for =
      standing.index_select(0, nearest_of(vectors, vectors.index_select(0, standing)));
  return stands_for.index_copy_(0, standing, standing);  // equal vectors: each stands for itself
}

torch::Tensor noisy_codes(const torch::Tensor& codes, int64_t codebook_size, double share,
                          int64_t seed) {
  torch::Tensor noisy = codes.to(torch::kLong).contiguous().clone();
  auto values = noisy.accessor<int64_t, 2>();
  for (int64_t image = 0; image < noisy.size(0); ++image) {
    ItemRandom random(seed, image);
    for (int64_t position = 0; position < noisy.size(1); ++position) {
      const double drawn = random.uniform(0.0, 1.0);
      const int64_t code = random.below(codebook_size);
      if (drawn < share) values[image][position] = code;
    }
  }
  return noisy;
}

}  // namespace oar
