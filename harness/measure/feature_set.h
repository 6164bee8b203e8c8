#pragma once

#include <cstdint>
#include <optional>

#include "metrics/feature_rows.h"
#include "metrics/moments.h"

namespace oar {

/// What is known of one set of images, as far as metrics are concerned. Of a statistics file only
/// the moments are.
struct FeatureSet {
  int64_t count = 0;                    ///< N; 0: a statistics file does not say
  std::optional<FeatureRows> features;  ///< [N, F]
  std::optional<FeatureRows> logits;    ///< [N, C]; none of a network without classes
  std::optional<Moments> moments;       ///< of the features; none of a single image
  std::optional<Moments> spatial;       ///< of the spatial features
};

}  // namespace oar
