#include "harness/stages/reconstruction_quality.h"

#include <ATen/ops/cat.h>

#include <string>
#include <vector>

#include "harness/measure/extractors.h"
#include "harness/stages/artifacts.h"
#include "metrics/fid.h"
#include "metrics/kid.h"
#include "models/memory/images_at_once.h"
#include "models/vqgan/quality.h"

namespace oar {

using nlohmann::json;

json reconstruction_quality(const Dataset& dataset, Vqgan& tokenizer,
                            const Environment& environment) {
  constexpr int64_t kImages = 1000, kBatch = 32;
  Split split = Split::kHeldOut;
  std::vector<int64_t> images = images_of(dataset.index(), split, kImages);
  if (images.size() < 2) {
    split = Split::kTrain;
    images = images_of(dataset.index(), split, kImages);
  }
  const auto extractor = load_extractor("efficientnet_lite0", "", environment.device);
  const c10::InferenceMode no_gradients;
  std::vector<torch::Tensor> decibels, real, decoded, codes;
  ImagesAtOnce at_once(kBatch, kSmallerImages);
  at_once.for_each(0, static_cast<int64_t>(images.size()), [&](int64_t begin, int64_t end) {
    const torch::Tensor pixels = dataset.load({images.begin() + begin, images.begin() + end});
    const torch::Tensor z = tokenizer->embed(to_network_range(pixels.to(environment.device)));
    const torch::Tensor found = tokenizer->quantise(z).codes;
    const torch::Tensor output =
        to_pixels(tokenizer->decode_codes(found, z.size(2), z.size(3))).cpu();
    const torch::Tensor of_part = psnr(pixels, output);
    const torch::Tensor real_part = extractor->extract(pixels).features;
    decoded.push_back(extractor->extract(output).features);
    real.push_back(real_part);
    decibels.push_back(of_part);
    codes.push_back(found.cpu());
  });
  const CodebookUsage usage = codebook_usage(at::cat(codes), tokenizer->config().codebook_size);
  json quality = {{"images", images.size()},
                  {"split", split == Split::kTrain ? "train" : "held_out"},
                  {"psnr", at::cat(decibels).mean().item<double>()},
                  {"extractor", std::string(extractor->name())},
                  {"weights_sha256", extractor->weights_sha256()},
                  {"codebook_used", usage.used},
                  {"codebook_usage", usage.share_used},
                  {"perplexity", usage.perplexity},
                  {"rfid", nullptr},
                  {"rkid", nullptr}};
  if (images.size() >= 2) {
    const torch::Tensor a = at::cat(real), b = at::cat(decoded);
    quality["rfid"] = fid(a, b);
    quality["rkid"] = kid(a, b, /*subsets=*/1, a.size(0)).mean;
    quality["kid_subset_size"] = a.size(0);
  }
  return quality;
}

}  // namespace oar
