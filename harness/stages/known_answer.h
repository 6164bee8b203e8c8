#pragma once

#include <torch/types.h>

#include <cstdint>

#include "orders/grid.h"

namespace oar {

// How orders compare with what a data set knows. A mean over nothing is NaN.

/// The share of steps t >= 1 whose patch is next to a placed one on the path.
///
/// Shapes  position_at int64 [B, N], path int64 [N] (the position_at of the path); result float64
///         [B]; NaN where N = 1.
/// Errors  std::invalid_argument if a row or the path is not a permutation of 0 .. N-1.
torch::Tensor path_adjacent_share(const torch::Tensor& position_at, const torch::Tensor& path);

/// The same for uniformly random orders, exactly: (2N - 1) / (3 (N - 1)).
///
/// With t of N patches placed at random, an end of the path has a placed neighbour with probability
/// t / (N-1), an inner patch with 1 - (N-1-t)(N-2-t) / ((N-1)(N-2)); this is the mean over t.
double random_path_adjacent_share(int64_t n);

/// What most pixels of each patch show: int64 [B, N]. Of equals the lowest part.
///
/// Shapes  masks uint8 [B, S, S] with parts 0 .. parts - 1; S a multiple of rows and cols.
/// Errors  std::invalid_argument if S is not.
torch::Tensor patch_parts(const torch::Tensor& masks, const Grid& grid, int64_t parts);

/// Which of two parts is generated first.
struct Precedence {
  int64_t images = 0;      ///< those that show both parts; the shares are over them
  double mean_share = 0;   ///< the mean step of the one is before the other's; random orders: 1/2
  double first_share = 0;  ///< the first patch of the one is before the first of the other
  double random_first_share = 0;  ///< first_share of random orders: a / (a + b) of an image that
                                  ///< shows them in a and b patches
};

/// Whether `one` comes before `other` in each image. Equal mean steps count as a half.
///
/// Shapes  step_of int64 [B, N]; one, other bool [B, N], which patches show each part.
Precedence precedence_of(const torch::Tensor& step_of, const torch::Tensor& one,
                         const torch::Tensor& other);

}  // namespace oar
