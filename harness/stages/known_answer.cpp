#include "harness/stages/known_answer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

#include "orders/order_statistics.h"

namespace oar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double mean_of(const torch::Tensor& values) {
  return values.numel() > 0 ? values.to(torch::kFloat64).mean().item<double>() : kNan;
}

/// Mean step of the patches that `shown` marks: float64 [B], NaN where there are none.
torch::Tensor mean_step(const torch::Tensor& step_of, const torch::Tensor& shown) {
  return (step_of * shown).sum(1).to(torch::kFloat64) / shown.sum(1);
}

torch::Tensor first_step(const torch::Tensor& step_of, const torch::Tensor& shown) {
  return step_of.masked_fill(shown.logical_not(), step_of.size(1)).amin(1);
}

}  // namespace

torch::Tensor path_adjacent_share(const torch::Tensor& position_at, const torch::Tensor& path) {
  const int64_t n = path.numel();
  if (position_at.dim() != 2 || position_at.size(1) != n) {
    throw std::invalid_argument(
        fmt::format("the path has {} patches, the orders have {}", n, position_at.size(-1)));
  }
  // Along the path, a patch is reached from a neighbour unless both are placed after it.
  const torch::Tensor step = step_of(position_at).index_select(1, path);
  step_of(path.unsqueeze(0));  // refuses what is no permutation
  torch::Tensor adjacent = torch::zeros({step.size(0), n}, torch::kBool);
  const torch::Tensor rises = step.narrow(1, 0, n - 1) < step.narrow(1, 1, n - 1);
  adjacent.narrow(1, 1, n - 1).logical_or_(rises);
  adjacent.narrow(1, 0, n - 1).logical_or_(rises.logical_not());
  return adjacent.sum(1).to(torch::kFloat64) / static_cast<double>(n - 1);
}

double random_path_adjacent_share(int64_t n) {
  if (n < 2) return kNan;
  const auto patches = static_cast<double>(n);
  return (2 * patches - 1) / (3 * (patches - 1));
}

torch::Tensor patch_parts(const torch::Tensor& masks, const Grid& grid, int64_t parts) {
  const int64_t batch = masks.size(0), height = masks.size(1), width = masks.size(2);
  if (height % grid.rows != 0 || width % grid.cols != 0) {
    throw std::invalid_argument(
        fmt::format("a mask of {}x{} pixels has no whole patches on a grid "
                    "of {}x{}",
                    height, width, grid.rows, grid.cols));
  }
  const torch::Tensor patches =
      masks.view({batch, grid.rows, height / grid.rows, grid.cols, width / grid.cols})
          .permute({0, 1, 3, 2, 4})
          .reshape({batch, grid.size(), -1, 1});
  // argmax promises nothing among equals; a stable sort does.
  const torch::Tensor counts = (patches == at::arange(parts)).sum(2);  // [B, N, parts]
  return std::get<1>(counts.sort(/*stable=*/true, /*dim=*/2, /*descending=*/true)).select(2, 0);
}

Precedence precedence_of(const torch::Tensor& step_of, const torch::Tensor& one,
                         const torch::Tensor& other) {
  const torch::Tensor both = one.any(1).logical_and(other.any(1)).nonzero().flatten();
  const torch::Tensor steps = step_of.index_select(0, both), a = one.index_select(0, both),
                      b = other.index_select(0, both);
  const torch::Tensor mean_a = mean_step(steps, a), mean_b = mean_step(steps, b);
  const torch::Tensor before =
      at::where(mean_a == mean_b, 0.5, (mean_a < mean_b).to(torch::kFloat64));
  const torch::Tensor patches_a = a.sum(1).to(torch::kFloat64), patches_b = b.sum(1);
  Precedence precedence;
  precedence.images = both.numel();
  precedence.mean_share = mean_of(before);
  precedence.first_share = mean_of(first_step(steps, a) < first_step(steps, b));
  precedence.random_first_share = mean_of(patches_a / (patches_a + patches_b));
  return precedence;
}

}  // namespace oar
