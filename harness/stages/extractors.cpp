#include "harness/stages/extractors.h"

#include <fmt/format.h>

#include <stdexcept>

#include "datasets/sha256.h"
#include "metrics/embedded_weights.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

bool is_embedded(const std::string& name, const std::string& weights) {
  if (!weights.empty()) return false;
  if (name == "efficientnet_lite0") return true;
  throw std::invalid_argument(fmt::format(
      "evaluate.weights: the feature network \"{}\" needs a file of weights, which you bring; only "
      "efficientnet_lite0 is part of this program",
      name));
}

}  // namespace

std::string extractor_sha256(const std::string& name, const std::string& weights) {
  return is_embedded(name, weights) ? embedded_efficientnet_lite0_sha256() : sha256_file(weights);
}

std::unique_ptr<FeatureExtractor> load_extractor(const std::string& name,
                                                 const std::string& weights, torch::Device device) {
  const TensorMap tensors = is_embedded(name, weights)
                                ? read_tensors(embedded_efficientnet_lite0(), "embedded weights")
                                : read_tensors(std::filesystem::path(weights));
  return make_feature_extractor(name, tensors, extractor_sha256(name, weights), device);
}

}  // namespace oar
