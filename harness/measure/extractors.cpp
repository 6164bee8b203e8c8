#include "harness/measure/extractors.h"

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
      "the feature network \"{}\" needs a file of weights, which you bring (evaluate.weights in a "
      "sweep, --weights on the command line; `oar-bench weights list` says where they come from); "
      "only efficientnet_lite0 is part of this program",
      name));
}

}  // namespace

std::string extractor_sha256(const std::string& name, const std::string& weights) {
  return is_embedded(name, weights) ? embedded_efficientnet_lite0_sha256() : sha256_file(weights);
}

std::unique_ptr<FeatureExtractor> load_extractor(const std::string& name,
                                                 const std::string& weights, torch::Device device,
                                                 const ExtractorOptions& options) {
  const TensorMap tensors = is_embedded(name, weights)
                                ? read_tensors(embedded_efficientnet_lite0(), "embedded weights")
                                : read_tensors(std::filesystem::path(weights));
  return make_feature_extractor(name, tensors, extractor_sha256(name, weights), device, options);
}

}  // namespace oar
