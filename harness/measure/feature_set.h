#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "metrics/feature_rows.h"
#include "metrics/moments.h"

namespace oar {

/// What is known of one set of images, as far as metrics are concerned. Of a statistics file only
/// the moments are.
struct FeatureSet {
  int64_t count = 0;                      ///< N; 0: a statistics file does not say
  std::optional<FeatureRows> features;    ///< [N, F]
  std::function<torch::Tensor()> logits;  ///< reads float32 [N, C]; null: there are none
  std::optional<Moments> moments;         ///< of the features
  std::optional<Moments> spatial;         ///< of the spatial features
};

}  // namespace oar
