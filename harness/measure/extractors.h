#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

#include "metrics/feature_extractor.h"

namespace oar {

/// SHA-256 of the weights an extractor will use: of the file `weights`, or of the embedded network
/// where that is empty.
///
/// Errors  std::system_error if the file cannot be read; std::invalid_argument if none was given
///         for an extractor that has no embedded weights.
std::string extractor_sha256(const std::string& name, const std::string& weights);

/// The extractor `name` with the weights of that file, or with its embedded ones.
///
/// Errors  as extractor_sha256() and make_feature_extractor(); BadWeights for a damaged file.
std::unique_ptr<FeatureExtractor> load_extractor(const std::string& name,
                                                 const std::string& weights, torch::Device device,
                                                 const ExtractorOptions& options = {});

}  // namespace oar
