#include "models/vqgan/codebook_upkeep.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "models/vqgan/quantizer.h"

namespace oar {
namespace {

constexpr int64_t kPoolPerCode = 16;
constexpr int64_t kMeansIterations = 10;

// SplitMix64 of (seed, step): neighbouring steps get unrelated generators.
torch::Generator generator_of(int64_t seed, int64_t step) {
  uint64_t bits = static_cast<uint64_t>(seed) * 0x9E3779B97F4A7C15ULL + static_cast<uint64_t>(step);
  for (int round = 0; round < 2; ++round) {
    bits += 0x9E3779B97F4A7C15ULL;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ULL;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBULL;
    bits ^= bits >> 31;
  }
  return at::detail::createCPUGenerator(bits);
}

}  // namespace

CodebookUpkeep::CodebookUpkeep(int64_t codebook_size, int64_t embed_dim, UpkeepOptions options)
    : options_(options),
      last_used_(at::zeros({codebook_size}, torch::kLong)),
      pool_(at::zeros({kPoolPerCode * codebook_size, embed_dim})),
      counters_(at::zeros({2}, torch::kLong)) {}

void CodebookUpkeep::collect(const torch::Tensor& vectors) {
  const int64_t size = pool_.size(0);
  const torch::Tensor rows = vectors.detach().to(torch::kCPU).slice(0, 0, size);
  const int64_t seen = counters_[1].item<int64_t>();
  const torch::Tensor slots = (at::arange(rows.size(0), torch::kLong) + seen).remainder_(size);
  pool_.index_copy_(0, slots, rows);
  counters_[1].add_(rows.size(0));
}

bool CodebookUpkeep::is_started() const { return counters_[0].item<int64_t>() != 0; }

void CodebookUpkeep::start(const torch::Tensor& codebook, const torch::Tensor& vectors,
                           int64_t step) {
  const torch::NoGradGuard no_grad;
  if (options_.start == CodebookStart::kKMeans) {
    const int64_t remembered = std::min(counters_[1].item<int64_t>(), pool_.size(0));
    const torch::Tensor all =
        at::cat({pool_.slice(0, 0, remembered).to(vectors.device()), vectors});
    codebook.copy_(
        k_means(all, codebook.size(0), kMeansIterations, generator_of(options_.seed, step)));
  }
  last_used_.fill_(step);
  counters_[0].fill_(1);
}

torch::Tensor CodebookUpkeep::restart_dead(const torch::Tensor& codebook,
                                           const torch::Tensor& vectors, const torch::Tensor& codes,
                                           int64_t step) {
  const torch::NoGradGuard no_grad;
  last_used_.index_fill_(0, codes.to(torch::kCPU), step);
  if (step >= options_.restart_until || options_.dead_after == 0)
    return at::zeros({0}, torch::kLong);
  const torch::Tensor dead = (last_used_ + options_.dead_after < step).nonzero().flatten();
  if (dead.numel() == 0) return dead;
  const torch::Tensor rows = random_rows(vectors, dead.numel(), generator_of(options_.seed, step));
  codebook.index_copy_(0, dead.to(codebook.device()), rows);
  last_used_.index_fill_(0, dead, step);
  return dead;
}

std::map<std::string, torch::Tensor> CodebookUpkeep::state() const {
  return {{"last_used", last_used_}, {"pool", pool_}, {"counters", counters_}};
}

}  // namespace oar
