#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include "harness/stages/artifacts.h"
#include "harness/stages/stages.h"
#include "models/memory/images_at_once.h"
#include "models/vqgan/quality.h"
#include "models/vqgan/trainer.h"

namespace oar {

using nlohmann::json;

json run_reconstructions(StageContext& context, const DatasetConfig& config,
                         const Environment& environment) {
  const auto dataset = open_dataset(config, read_index(context.input("dataset")));
  const int64_t wanted = context.config().at("images");
  Split split = Split::kHeldOut;
  std::vector<int64_t> images = images_of(dataset->index(), split, wanted);
  if (images.empty()) {
    split = Split::kTrain;
    images = images_of(dataset->index(), split, wanted);
  }
  Vqgan tokenizer = read_tokenizer(context.input("tokenizer"), environment.device);
  const c10::InferenceMode no_gradients;
  std::vector<torch::Tensor> decibels;
  ImagesAtOnce at_once(wanted, kSmallerImages);
  at_once.for_each(0, static_cast<int64_t>(images.size()), [&](int64_t begin, int64_t end) {
    const torch::Tensor pixels = dataset->load({images.begin() + begin, images.begin() + end});
    const torch::Tensor z = tokenizer->embed(to_network_range(pixels.to(environment.device)));
    const torch::Tensor output =
        to_pixels(tokenizer->decode_codes(tokenizer->quantise(z).codes, z.size(2), z.size(3)))
            .cpu();
    const torch::Tensor of_part = psnr(pixels, output);
    for (int64_t i = begin; i < end; ++i) {
      write_png(context.work() / fmt::format("original_{:03}.png", i), pixels[i - begin]);
      write_png(context.work() / fmt::format("reconstructed_{:03}.png", i), output[i - begin]);
    }
    decibels.push_back(of_part);
  });
  return {{"images", images.size()},
          {"split", split == Split::kTrain ? "train" : "held_out"},
          {"psnr", images.empty() ? json(nullptr) : json(at::cat(decibels).mean().item<double>())},
          {"device", environment.device.str()}};
}

}  // namespace oar
