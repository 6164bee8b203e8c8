#pragma once

#include <torch/types.h>

#include "orders/grid.h"

namespace oar {

/// How much there is to see in each patch: the standard deviation of its grey values, the mean of
/// the three channels. 0 for a patch of one colour.
///
/// Shapes  images uint8 [B, 3, H, W], H and W multiples of rows and cols; result float64 [B, N].
/// Units   grey levels, 0 .. 127.5.
/// Errors  std::invalid_argument for shapes that do not fit the grid.
torch::Tensor patch_detail(const torch::Tensor& images, const Grid& grid);

/// Whether simple patches come first: Spearman's ρ of a patch's step and its detail, equal details
/// sharing their mean rank. 1: strictly from simple to detailed, -1: the reverse, 0: unrelated.
///
/// Shapes  step_of int64 [B, N], detail float64 [B, N]; result float64 [B], NaN where all patches
///         have one detail.
/// Errors  std::invalid_argument if the shapes differ.
/// Source  arXiv 2504.17069v1: learned orders begin with simple regions.
torch::Tensor simple_first(const torch::Tensor& step_of, const torch::Tensor& detail);

}  // namespace oar
