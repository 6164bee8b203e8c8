#pragma once

#include <nlohmann/json.hpp>

#include "datasets/dataset.h"
#include "harness/stages/environment.h"
#include "models/vqgan/vqgan.h"

namespace oar {

/// How well a tokenizer keeps the first thousand held-out images, or training images where none is
/// held out: `psnr` in dB, `rfid` and `rkid` against the originals, and the codes that they need:
/// `codebook_used`, `codebook_usage` (share of all) and `perplexity`. rKID is one unbiased estimate
/// over all of these images, `kid_subset_size` of them; rFID and rKID are null for fewer than two.
nlohmann::json reconstruction_quality(const Dataset& dataset, Vqgan& tokenizer,
                                      const Environment& environment);

}  // namespace oar
