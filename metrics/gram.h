#pragma once

#include <torch/types.h>

namespace oar {

/// `sum` += aᵀ a in the blocks on and above the diagonal: little more than half of a matmul's work.
/// `mirror_upper_blocks` completes it.
///
/// Shapes  sum [F, F], a [n, F], both float64 on the CPU.
void add_gram_upper_blocks(torch::Tensor& sum, const torch::Tensor& a);

/// Copies the blocks above the diagonal below it: exactly symmetric.
void mirror_upper_blocks(torch::Tensor& sum);

/// aᵀ a, float64 [F, F].
torch::Tensor gram(const torch::Tensor& a);

}  // namespace oar
