#include "models/vqgan/quality.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/special_xlogy.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace oar {

torch::Tensor psnr(const torch::Tensor& images, const torch::Tensor& reconstruction) {
  if (images.sizes() != reconstruction.sizes() || images.dim() != 4 || images.numel() == 0 ||
      images.scalar_type() != torch::kByte || reconstruction.scalar_type() != torch::kByte) {
    throw std::invalid_argument(
        fmt::format("psnr: images {} of shape {} and reconstruction {} of shape {}; accepted: two "
                    "uint8 tensors of one "
                    "shape [B, C, height, width]",
                    c10::toString(images.scalar_type()), c10::str(images.sizes()),
                    c10::toString(reconstruction.scalar_type()), c10::str(reconstruction.sizes())));
  }
  const torch::Tensor difference = images.to(torch::kInt) - reconstruction.to(torch::kInt);
  const torch::Tensor error = difference.square().flatten(1).to(torch::kDouble).mean(1);
  return 10.0 * (255.0 * 255.0 / error).log10();
}

CodebookUsage codebook_usage(const torch::Tensor& codes, int64_t codebook_size) {
  if (codes.numel() == 0) throw std::invalid_argument("codebook_usage: no codes were given");
  const torch::Tensor all = codes.flatten().to(torch::kLong);
  const int64_t lowest = all.min().item<int64_t>(), highest = all.max().item<int64_t>();
  if (lowest < 0 || highest >= codebook_size) {
    throw std::invalid_argument(fmt::format("codebook_usage: code {} is outside 0 .. {}",
                                            lowest < 0 ? lowest : highest, codebook_size - 1));
  }
  const torch::Tensor counts = at::bincount(all, {}, codebook_size).to(torch::kDouble);
  const torch::Tensor share = counts / static_cast<double>(all.numel());
  CodebookUsage usage;
  usage.used = (counts > 0).sum().item<int64_t>();
  usage.dead = codebook_size - usage.used;
  usage.share_used = static_cast<double>(usage.used) / static_cast<double>(codebook_size);
  usage.perplexity = std::exp(-at::special_xlogy(share, share).sum().item<double>());
  return usage;
}

}  // namespace oar
