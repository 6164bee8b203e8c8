#include "models/vqgan/codebook_averages.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>

namespace oar {
namespace {

constexpr double kSmoothing = 1e-5;  // ε

}  // namespace

CodebookAverages::CodebookAverages(const torch::Tensor& codebook, double decay)
    : decay_(decay),
      sizes_(at::ones({codebook.size(0)}, codebook.options().requires_grad(false))),
      sums_(codebook.detach().clone()) {}

void CodebookAverages::start(const torch::Tensor& codebook) {
  sizes_.fill_(1.0);
  sums_.copy_(codebook.detach());
}

void CodebookAverages::restart(const torch::Tensor& codebook, const torch::Tensor& rows) {
  const torch::Tensor here = rows.to(sizes_.device());
  sizes_.index_fill_(0, here, 1.0);
  sums_.index_copy_(0, here, codebook.detach().index_select(0, here));
}

void CodebookAverages::update(const torch::Tensor& codebook, const torch::Tensor& vectors,
                              const torch::Tensor& codes) {
  const torch::NoGradGuard no_grad;
  const int64_t rows = sizes_.size(0);
  const torch::Tensor counts = at::bincount(codes, {}, rows).to(sizes_.scalar_type());
  const torch::Tensor sums = at::zeros_like(sums_).index_add_(0, codes, vectors);
  sizes_.mul_(decay_).add_(counts, 1.0 - decay_);
  sums_.mul_(decay_).add_(sums, 1.0 - decay_);
  const torch::Tensor total = sizes_.sum();
  const torch::Tensor smoothed =
      (sizes_ + kSmoothing) * (total / (total + kSmoothing * static_cast<double>(rows)));
  codebook.copy_(sums_ / smoothed.unsqueeze(1));
}

}  // namespace oar
