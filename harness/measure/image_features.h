#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "datasets/image_source.h"
#include "harness/measure/feature_set.h"
#include "harness/store/stage.h"
#include "metrics/feature_extractor.h"

namespace oar {

/// What the images of a source are, whatever they are called and wherever they lie.
struct SourceContent {
  std::string sha256;               ///< of the hashes below, in measured order
  std::vector<std::string> images;  ///< SHA-256 of each image's bytes, in measured order
};

/// Reads every byte of the source once and decodes nothing: thousands of images a second.
///
/// Errors  Interrupted; what the source throws.
SourceContent hash_source(const ImageSource& source, Progress& progress);

/// What a feature pass is asked for. None of it changes a number.
struct FeaturePass {
  std::string weights;  ///< file; empty: embedded
  torch::Device device = torch::kCPU;
  bool skip_broken = false;      ///< leave broken images out instead of refusing the source
  int64_t kept_together = 1024;  ///< images that are kept in one file of scratch
};

/// The artifact that the features of this content are stored under. Its key holds all that changes
/// them: content, network, hash of its weights, convention, precision, version of this code and of
/// libtorch.
StageNode image_features_node(const SourceContent& content, const ExtractorIdentity& extractor);

/// The stage function of that node: decodes ahead on threads of its own, runs groups of images
/// through the network, and leaves
///
///     features.npy         float32 [N, F] in measured order
///     logits.npy           float32 [N, C], where the network has classes
///     moments.safetensors  mu, sigma of the features and, where there are, mu_s, sigma_s of the
///                          spatial ones; float64
///
/// On a CPU each thread takes whole groups and computes them alone, so that the bits depend neither
/// on the number of threads nor on how they are scheduled. What is done is kept in
/// scratch; a pass that was interrupted goes on from there.
///
/// Errors  BadData with the full list of broken images, once all of the source has been looked at,
///         or where an image is no longer the one that `content` was hashed from; Interrupted.
nlohmann::json run_image_features(StageContext& context, const ImageSource& source,
                                  const SourceContent& content, const ExtractorIdentity& extractor,
                                  const FeaturePass& pass);

/// BadData with the list [{"file", "reason"}] and what to do about it.
[[noreturn]] void refuse_broken(const ImageSource& source, const nlohmann::json& broken);

/// The images of run_image_features()'s record that were left out, by the source's own names:
/// [{"file", "reason"}].
nlohmann::json broken_images(const ImageSource& source, const nlohmann::json& record);

/// What the pass left. `record` is what run_image_features() returned.
FeatureSet read_feature_set(const std::filesystem::path& folder, const nlohmann::json& record);

}  // namespace oar
