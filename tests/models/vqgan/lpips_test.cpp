#include "models/vqgan/lpips.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/models/vqgan/golden_vqgan.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int64_t kNumbers[] = {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28};
constexpr int64_t kChannels[] = {3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512};
constexpr int64_t kSlices[] = {1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5};

/// VGG-16 as the script draws it, under torchvision's names or LPIPS's.
TensorMap drawn_vgg(bool torchvision) {
  TensorMap tensors;
  for (size_t i = 0; i < 13; ++i) {
    const std::string name = "features." + std::to_string(kNumbers[i]);
    const std::string sliced =
        "net.slice" + std::to_string(kSlices[i]) + "." + std::to_string(kNumbers[i]);
    const torch::Tensor u =
        golden::unit_draws(name + ".weight", {kChannels[i + 1], kChannels[i], 3, 3});
    tensors[(torchvision ? name : sliced) + ".weight"] =
        1.5 / std::sqrt(static_cast<double>(u[0].numel())) * u;
    tensors[(torchvision ? name : sliced) + ".bias"] =
        0.1 * golden::unit_draws(name + ".bias", {kChannels[i + 1]});
  }
  return tensors;
}

TensorMap drawn_linear() {
  constexpr int64_t kWidths[] = {64, 128, 256, 512, 512};
  TensorMap tensors;
  for (int64_t i = 0; i < 5; ++i) {
    const std::string name = "lin" + std::to_string(i) + ".model.1.weight";
    tensors[name] = golden::unit_draws(name, {1, kWidths[i], 1, 1}).abs();
  }
  return tensors;
}

TensorMap both(TensorMap vgg) {
  vgg.merge(drawn_linear());
  return vgg;
}

TEST(Lpips, IsWhatPyTorchFindsWithTheSameWeights) {
  const auto golden =
      nlohmann::json::parse(std::ifstream(OAR_SOURCE_DIR "/tests/golden/lpips.json"));
  const auto shape = golden["shape"].get<std::vector<int64_t>>();
  const Lpips lpips(both(drawn_vgg(true)), "drawn", torch::kCPU);
  torch::Tensor images = golden::unit_draws("second", shape).requires_grad_(true);
  const torch::Tensor distance = lpips.distance(golden::unit_draws("first", shape), images);
  const torch::Tensor expected = at::tensor(golden["distance"].get<std::vector<double>>());
  // float32 sums in another order: 1e-5 of the value
  EXPECT_LE(((distance - expected) / expected).abs().max().item<double>(), 1e-5) << distance;
  distance.sum().backward();
  const torch::Tensor gradient = images.grad().flatten();
  const torch::Tensor some = gradient.slice(0, 0, gradient.numel(), 97);
  const torch::Tensor wanted = at::tensor(golden["gradient"].get<std::vector<double>>());
  EXPECT_LE((some - wanted).norm().item<double>(), 1e-4 * wanted.norm().item<double>());
  EXPECT_NEAR(
      gradient.to(torch::kDouble).norm().item<double>() / golden["gradient_norm"].get<double>(),
      1.0, 1e-4);
}

TEST(Lpips, KnowsTheNamesOfTamingsCheckpoints) {
  TensorMap checkpoint = {{"encoder.conv_in.weight", at::zeros({1})}};
  for (const auto& [name, tensor] : both(drawn_vgg(false))) {
    checkpoint["loss.perceptual_loss." + name] = tensor;
  }
  const torch::Tensor a = golden::unit_draws("a", {1, 3, 16, 16}),
                      b = golden::unit_draws("b", {1, 3, 16, 16});
  const Lpips lpips(both(drawn_vgg(true)), "drawn", torch::kCPU);
  EXPECT_TRUE(
      lpips.distance(a, b).equal(Lpips(checkpoint, "last.ckpt", torch::kCPU).distance(a, b)));
  EXPECT_EQ(lpips.distance(a, a).item<double>(), 0.0);
}

TEST(Lpips, ReadsTheTwoFilesThatPeopleHave) {
  const auto folder = std::filesystem::temp_directory_path() / "oar_lpips_test";
  std::filesystem::create_directories(folder);
  write_safetensors(folder / "vgg16", drawn_vgg(true));
  write_safetensors(folder / "vgg", drawn_linear());
  const torch::Tensor a = golden::unit_draws("a", {1, 3, 16, 16}), b = at::zeros({1, 3, 16, 16});
  const Lpips whole(both(drawn_vgg(true)), "drawn", torch::kCPU);
  EXPECT_TRUE(read_lpips(folder / "vgg16", folder / "vgg", torch::kCPU)
                  .distance(a, b)
                  .equal(whole.distance(a, b)));
  EXPECT_THAT(
      [&] { read_lpips(folder / "vgg16", "", torch::kCPU); },
      ThrowsMessage<BadWeights>(AllOf(HasSubstr("vgg16: there are no linear layers of LPIPS in it"),
                                      HasSubstr("tokenizer.perceptual_linear names their file"))));
  EXPECT_THAT([&] { read_lpips(folder / "vgg", "", torch::kCPU); },
              ThrowsMessage<BadWeights>(HasSubstr("there are no convolutions of VGG-16 in it")));
  std::filesystem::remove_all(folder);
}

TEST(Lpips, NamesTensorsThatAreMissingOrOfAnotherShape) {
  TensorMap tensors = both(drawn_vgg(true));
  tensors["features.2.weight"] = at::zeros({64, 3, 3, 3});
  EXPECT_THAT([&] { Lpips(tensors, "x.pth", torch::kCPU); },
              ThrowsMessage<BadWeights>(
                  HasSubstr("features.2.weight is [64, 3, 3, 3], must be [64, 64, 3, 3]")));
  tensors.erase("features.2.weight");
  EXPECT_THAT(
      [&] { Lpips(tensors, "x.pth", torch::kCPU); },
      ThrowsMessage<BadWeights>(HasSubstr("missing: features.2.weight or net.slice1.2.weight")));
}

TEST(Lpips, RefusesImagesWithoutAPixelForTheLastStage) {
  const Lpips lpips(both(drawn_vgg(true)), "drawn", torch::kCPU);
  const torch::Tensor small = at::zeros({1, 3, 16, 15});
  EXPECT_THAT([&] { lpips.distance(small, small); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("height and width at least 16")));
}

TEST(Lpips, PixelsWithoutAnyFeatureHaveNoGradient) {
  TensorMap tensors = both(drawn_vgg(true));
  for (auto& [name, tensor] : tensors) {
    if (name.starts_with("features.0.")) tensor = -at::ones(tensor.sizes());
  }
  tensors["features.0.weight"].zero_();  // relu(-1): nothing passes
  const Lpips lpips(tensors, "drawn", torch::kCPU);
  torch::Tensor images = golden::unit_draws("b", {1, 3, 16, 16}).requires_grad_(true);
  lpips.distance(golden::unit_draws("a", {1, 3, 16, 16}), images).sum().backward();
  EXPECT_TRUE(images.grad().isfinite().all().item<bool>());
}

}  // namespace
}  // namespace oar
