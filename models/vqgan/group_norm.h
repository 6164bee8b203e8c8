// Group normalisation whose backward pass keeps up with the convolutions around it.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// Normalises each of `groups` groups of channels to mean 0 and variance 1, then scales and shifts
/// each channel.
///
/// Forward is libtorch's. Backward too, but for channels-last float images on the CPU: there
/// libtorch's takes longer than all convolutions of the tokenizer together, so a kernel of ours
/// makes two passes over the image and no temporary.
///
/// Shapes  x [B, C, height, width]; weight and bias [C]; C a multiple of `groups`.
torch::Tensor fast_group_norm(const torch::Tensor& x, int64_t groups, const torch::Tensor& weight,
                              const torch::Tensor& bias, double eps);

/// The same followed by swish, u * sigmoid(u).
///
/// Where a gradient is wanted of channels-last float images on the CPU, both are one kernel, which
/// keeps x alone for the way back instead of x and u. It agrees with libtorch's to float rounding;
/// without a gradient the two are libtorch's own.
torch::Tensor fast_norm_swish(const torch::Tensor& x, int64_t groups, const torch::Tensor& weight,
                              const torch::Tensor& bias, double eps);

}  // namespace oar
