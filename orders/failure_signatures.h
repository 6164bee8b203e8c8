#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "orders/order_statistics.h"

namespace oar {

/// A known way in which an order fails, and whether these orders show it.
struct Signature {
  std::string name;                 ///< jumping, seams, background_bias, memory or under_trained
  std::optional<bool> present;      ///< nothing: it cannot be judged here; `sentence` says why
  std::optional<double> value;      ///< what was measured
  std::optional<double> threshold;  ///< present above this
  std::string sentence;             ///< what was found, against what, and what to do about it
};

/// What signatures are judged by, beside the statistics. A tensor that is not known is not defined.
struct SignatureEvidence {
  bool is_learned = true;         ///< a fixed order jumps by design: its jumping is not judged
  torch::Tensor step_of = {};     ///< int64 [B, N], of the same images as the two below
  torch::Tensor images = {};      ///< uint8 [B, 3, H, W], the finished images
  torch::Tensor background = {};  ///< bool [B, N], true for patches that show no object
};

/// Every signature of orders/README.md, in this order.
///
/// jumping          share of jumps over half of the grid's longest. Threshold: halfway from raster,
///                  which makes them only at line ends, to random, which ignores distance.
/// seams            seam_energy(). Threshold 5 grey levels, 2 % of the range: about the smallest
///                  step between two areas that is seen (Weber's fraction of brightness, 1 to 2 %).
/// background_bias  mean background_first_index(). Threshold 0.5: halfway from no preference to all
///                  of the background before any object.
/// memory           a search that runs out of memory; the budget refuses it before it starts, so
///                  orders that exist never show it.
///
/// Errors  as those of the functions below.
/// Source  "Failure signatures" of the OAR study: jumping, background bias, memory.
std::vector<Signature> failure_signatures(const OrderStatistics& statistics,
                                          const SignatureEvidence& evidence);

/// `under_trained`: whether a model knows hardly more than how often each code occurs. `nats` is
/// what a held-out image costs it, in the order of its training; `frequency_nats` is N
/// ln(perplexity) of the codes. Threshold 0.9: a tenth of what there may be to gain.
///
/// Units  nats per image.
Signature under_trained(double nats, double frequency_nats);

/// The share of jumps over half_longest_jump() that uniformly random orders have: an exact sum over
/// pairs of cells. NaN for a grid of one patch.
double random_long_jump_share(const Grid& grid);

/// The mean absolute difference of pixels across patch borders whose two steps are more than N / 2
/// apart, minus that across the other borders. Contents that end at a border count too, so an
/// order that leaves objects for later has some even in a photograph.
///
/// Shapes  images uint8 [B, 3, H, W], H and W multiples of rows and cols; step_of int64 [B, N].
/// Units   grey levels, 0 .. 255. NaN where no border is of the one or of the other kind.
/// Errors  std::invalid_argument for shapes that do not fit the grid.
double seam_energy(const torch::Tensor& images, const torch::Tensor& step_of, const Grid& grid);

/// How far the background comes first: (mean step of object patches - mean step of background
/// patches) / (N / 2), which is the share of (background, object) pairs that start with the
/// background, minus the share that starts with the object. 1: all background before any object,
/// -1: the reverse, 0: no preference.
///
/// Shapes  step_of int64 [B, N], background bool [B, N]; result float64 [B], NaN for an image that
///         is all background or has none.
/// Errors  std::invalid_argument if the shapes differ.
torch::Tensor background_first_index(const torch::Tensor& step_of, const torch::Tensor& background);

}  // namespace oar
