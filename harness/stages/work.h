#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "models/vqgan/config.h"
#include "orders/grid.h"

namespace oar {

/// How much work each kind of stage is expected to be. A plan multiplies it with the seconds per
/// work that earlier stages of the same kind took, so that only ratios within a kind matter; what a
/// formula leaves out (kernels, batch sizes, devices) is in those seconds.
///
/// Units  about one multiplication each: comparable within a kind of stage only.
namespace work {

/// The any-order model as a stage's configuration says it: layers L, width D; N patches, V codes.
struct Network {
  int64_t layers = 0, width = 0, codebook_size = 0;
  Grid grid;
};

/// Reading, decoding and hashing: images · side².
double dataset(int64_t images, int64_t side);

/// One image through the encoder, or as far through the decoder: the 3 × 3 convolutions of every
/// level, Σ_l (residual blocks + 1) · 9 · channels_l² · (side / 2^l)².
double tokenizer_pass(const VqganConfig& network);

/// Forward and backward through both halves: 6 passes an image.
double tokenizer_training(const VqganConfig& network, int64_t images_seen);

/// One sequence of N tokens through the Transformer: N · (12 L D² + D V) + L D N².
double forward(const Network& network);

/// Forward and backward: three times forward, for each image seen.
double training(const Network& network, int64_t images_seen);

/// An order for one image. A fixed order, or one that a location head chooses, evaluates each token
/// once. A search evaluates every open position at every step it scores: N²/2 tokens that attend to
/// N/3 others on average, fewer by rescore_every, patches_per_step, search_first and
/// frontier_radius (of which at most (2r + 1)² · N^½ positions are open at once); future_context
/// scores each of its candidates against all others.
double search(const Network& network, const nlohmann::json& identity, bool is_learned);

}  // namespace work
}  // namespace oar
