#include "models/vqgan/quantizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

namespace oar {
namespace {

torch::Tensor nearest_row(const torch::Tensor& vectors, const torch::Tensor& rows) {
  const torch::Tensor norms = rows.square().sum(1);
  return at::addmm(norms, vectors, rows.t(), /*beta=*/1, /*alpha=*/-2).argmin(1);
}

}  // namespace

QuantizerImpl::QuantizerImpl(int64_t codebook_size, int64_t embed_dim, bool normalised)
    : normalised_(normalised),
      embedding_(register_module("embedding", torch::nn::Embedding(codebook_size, embed_dim))) {}

torch::Tensor QuantizerImpl::rows() const {
  return normalised_ ? at_length_one(codebook(), 1) : codebook();
}

torch::Tensor QuantizerImpl::nearest(const torch::Tensor& vectors) const {
  const torch::NoGradGuard no_grad;
  return nearest_row(normalised_ ? at_length_one(vectors, 1) : vectors, rows());
}

torch::Tensor QuantizerImpl::look_up(const torch::Tensor& codes) const {
  return at::embedding(rows(), codes);
}

torch::Tensor at_length_one(const torch::Tensor& vectors, int64_t dim) {
  constexpr double kSmallest = 1e-12;
  return vectors / at::linalg_vector_norm(vectors, 2, dim, /*keepdim=*/true).clamp_min(kSmallest);
}

torch::Tensor straight_through(const torch::Tensor& z, const torch::Tensor& quantised) {
  return z + (quantised - z).detach();
}

torch::Tensor random_rows(const torch::Tensor& vectors, int64_t count, torch::Generator generator) {
  torch::Tensor picks = at::randperm(vectors.size(0), generator, torch::kLong);
  if (count > vectors.size(0)) {
    const torch::Tensor again =
        at::randint(0, vectors.size(0), {count - vectors.size(0)}, generator, torch::kLong);
    picks = at::cat({picks, again});
  }
  return vectors.index_select(0, picks.slice(0, 0, count).to(vectors.device()));
}

torch::Tensor k_means(const torch::Tensor& vectors, int64_t num_means, int64_t iterations,
                      torch::Generator generator) {
  const torch::NoGradGuard no_grad;
  torch::Tensor means = random_rows(vectors, num_means, generator);
  for (int64_t i = 0; i < iterations; ++i) {
    const torch::Tensor cluster = nearest_row(vectors, means);
    const torch::Tensor sizes = at::bincount(cluster, {}, num_means).unsqueeze(1);
    const torch::Tensor sums = at::zeros_like(means).index_add_(0, cluster, vectors);
    const torch::Tensor fresh = random_rows(vectors, num_means, generator);
    means = at::where(sizes > 0, sums / sizes.clamp_min(1), fresh);
  }
  return means;
}

}  // namespace oar
