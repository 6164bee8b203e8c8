#pragma once

#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "harness/measure/scores.h"
#include "metrics/feature_extractor.h"
#include "models/vqgan/vqgan.h"
#include "orders/grid.h"

namespace oar {

/// Images as the codes they are decoded from, and what they are compared with.
struct DrawnCodes {
  Vqgan tokenizer;
  torch::Tensor codes;  ///< int [B, N] by position
  Grid grid;
  torch::Tensor reference;  ///< float [R, F], features of the reference images
  const FeatureExtractor& extractor;
};

/// Decodes the codes to pixels, as samples are, and scores them, as compute_scores() does.
///
/// Errors  std::invalid_argument and c10::Error if these do not fit each other; Interrupted.
std::vector<nlohmann::json> scores_of_codes(DrawnCodes drawn, const ScoreOptions& options);

}  // namespace oar
