#include "harness/upkeep/rescore.h"

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "harness/store/interrupt.h"

namespace oar {
namespace {

constexpr int64_t kTogether = 16;  // images that are decoded at once

FeatureSet set_of(const torch::Tensor& features) {
  FeatureSet set;
  set.count = features.size(0);
  set.features = FeatureRows(features);
  if (set.count > 1) set.moments = moments_of(features);
  return set;
}

}  // namespace

std::vector<nlohmann::json> scores_of_codes(DrawnCodes drawn, const ScoreOptions& options) {
  const int64_t images = drawn.codes.size(0);
  std::vector<torch::Tensor> features, logits;
  for (int64_t begin = 0; begin < images; begin += kTogether) {
    if (interrupt_requested()) throw Interrupted();
    const c10::InferenceMode no_gradients;
    const torch::Tensor codes =
        drawn.codes.slice(0, begin, std::min(begin + kTogether, images)).to(torch::kInt64);
    const torch::Tensor decoded =
        drawn.tokenizer->decode_codes(codes, drawn.grid.rows, drawn.grid.cols);
    const Features found = drawn.extractor.extract(to_pixels(decoded));
    features.push_back(found.features);
    logits.push_back(found.logits);
  }
  FeatureSet generated = set_of(at::cat(features));
  generated.logits = FeatureRows(at::cat(logits));
  return compute_scores(set_of(drawn.reference.to(torch::kFloat)), generated,
                        drawn.extractor.identity(), options);
}

}  // namespace oar
