#include "models/vqgan/vqgan.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "tests/models/vqgan/golden_vqgan.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

VqganConfig micro() {
  return {.image_size = 16,
          .ch = 32,
          .ch_mult = {1, 1, 2},
          .num_res_blocks = 1,
          .attn_resolutions = {},
          .z_channels = 16,
          .embed_dim = 8,
          .codebook_size = 32};
}

Vqgan drawn(const VqganConfig& config, int64_t seed) {
  Vqgan model(config);
  model->draw_weights(seed);
  return model;
}

torch::Tensor noise(const std::vector<int64_t>& shape, int64_t seed) {
  return at::empty(shape).uniform_(-1, 1, at::detail::createCPUGenerator(seed));
}

TEST(Vqgan, ThePaperPresetIsThePublishedNetwork) {
  const Vqgan model(vqgan_preset("paper", 256));
  std::map<std::string, std::string> shapes;
  int64_t parameters = 0;
  for (const auto& item : model->named_parameters()) {
    shapes[item.key()] = c10::str(item.value().sizes());
    parameters += item.value().numel();
  }
  EXPECT_EQ(model->named_buffers().size(), 0);
  EXPECT_EQ(shapes.size(), 343);
  EXPECT_EQ(parameters, 72'141'699);
  EXPECT_EQ(shapes["encoder.down.0.block.0.norm1.weight"], "[128]");
  EXPECT_EQ(shapes["encoder.down.2.block.0.nin_shortcut.weight"], "[256, 128, 1, 1]");
  EXPECT_EQ(shapes["encoder.down.4.attn.1.proj_out.weight"], "[512, 512, 1, 1]");
  EXPECT_EQ(shapes["encoder.conv_out.weight"], "[256, 512, 3, 3]");
  EXPECT_EQ(shapes["quantize.embedding.weight"], "[1024, 256]");
  EXPECT_EQ(shapes["decoder.up.3.block.0.nin_shortcut.weight"], "[256, 512, 1, 1]");
  EXPECT_EQ(shapes["decoder.up.4.attn.2.q.bias"], "[512]");
  std::string layout;
  for (const auto& [name, shape] : shapes) layout += name + " " + shape + "\n";
  EXPECT_EQ(golden::fnv1a(layout),
            0xf4cd0432d6eb0d43ULL);  // of taming-transformers' own state_dict, sorted by name
}

class GoldenVqgan : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenVqgan, CodesAndPixelsAreThoseOfThePyTorchModel) {
  const nlohmann::json golden = golden::networks().at(GetParam());
  Vqgan model(vqgan_config_from(golden["config"]));
  int64_t parameters = 0;
  for (const torch::Tensor& parameter : model->parameters()) parameters += parameter.numel();
  EXPECT_EQ(parameters, golden["parameters"]);
  golden::draw(*model);
  const torch::NoGradGuard no_grad;
  for (const nlohmann::json& item : golden["cases"]) {
    const int64_t height = item["height"], width = item["width"];
    const Encoded encoded = model->encode(golden::images(item));
    // Of length 1, or as the encoder gives them: PyTorch's are taken before they are brought to it.
    if (!model->config().normalised_codes) {
      EXPECT_NEAR(encoded.z.norm().item<double>(), item["z_norm"],
                  1e-5 * item["z_norm"].get<double>());
    }
    EXPECT_TRUE(
        encoded.codes.flatten().equal(at::tensor(item["codes"].get<std::vector<int64_t>>())))
        << height;
    const int64_t patch = model->config().downsample();
    const torch::Tensor pixels = model->decode_codes(encoded.codes, height / patch, width / patch);
    EXPECT_NEAR(pixels.norm().item<double>(), item["pixels_norm"],
                1e-5 * item["pixels_norm"].get<double>());
    EXPECT_LT(golden::largest_difference(pixels, item), 3e-5);  // float through 60 layers
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, GoldenVqgan,
                         ::testing::Values("small", "odd", "normalised", "taming_f16_1024"));

TEST(Vqgan, DecodingTheCodesIsDecodingTheirVectors) {
  Vqgan model = drawn(micro(), 1);
  const torch::NoGradGuard no_grad;
  const Encoded encoded = model->encode(noise({2, 3, 16, 16}, 5));
  EXPECT_THAT(encoded.codes.sizes(), ElementsAre(2, 16));
  EXPECT_THAT(encoded.z.sizes(), ElementsAre(2, 8, 4, 4));
  const torch::Tensor images = model->decode_codes(encoded.codes, 4, 4);
  EXPECT_THAT(images.sizes(), ElementsAre(2, 3, 16, 16));
  EXPECT_TRUE(images.equal(model->decode(encoded.quantised)));
}

TEST(Vqgan, VectorsOfTheCodebookQuantiseToTheirCodesInRowMajorOrder) {
  Vqgan model = drawn(micro(), 2);
  const torch::NoGradGuard no_grad;
  const torch::Tensor codes =
      at::randint(0, 32, {3, 2 * 5}, at::detail::createCPUGenerator(3), torch::kLong);
  const torch::Tensor z =
      model->quantizer()->look_up(codes).view({3, 2, 5, 8}).permute({0, 3, 1, 2});
  const Encoded encoded = model->quantise(z);
  EXPECT_TRUE(encoded.codes.equal(codes));
  EXPECT_TRUE(encoded.quantised.equal(z));
}

TEST(Vqgan, AnyHeightAndWidthThatPatchesDivideIsAccepted) {
  Vqgan model = drawn(micro(), 1);
  const torch::NoGradGuard no_grad;
  const Encoded encoded = model->encode(noise({1, 3, 8, 24}, 1));
  EXPECT_THAT(encoded.codes.sizes(), ElementsAre(1, 2 * 6));
  EXPECT_THAT(model->decode_codes(encoded.codes, 2, 6).sizes(), ElementsAre(1, 3, 8, 24));
}

TEST(Vqgan, ImagesThatPatchesDoNotDivideAreRefusedWithWhatIsAccepted) {
  Vqgan model = drawn(micro(), 1);
  try {
    model->encode(noise({1, 3, 16, 18}, 1));
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("[1, 3, 16, 18]"));
    EXPECT_THAT(error.what(), HasSubstr("multiples of 4"));
  }
  EXPECT_THROW(model->encode(noise({1, 1, 16, 16}, 1)), std::invalid_argument);
  EXPECT_THROW(model->encode(noise({3, 16, 16}, 1)), std::invalid_argument);
}

TEST(Vqgan, CodesThatDoNotFillTheGridAreRefused) {
  Vqgan model = drawn(micro(), 1);
  EXPECT_THROW(model->decode_codes(at::zeros({2, 15}, torch::kLong), 4, 4), std::invalid_argument);
}

TEST(Vqgan, ABatchOfEightGivesTheCodesOfEightBatchesOfOne) {
  Vqgan model = drawn(micro(), 4);
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = noise({8, 3, 16, 16}, 6);
  const torch::Tensor together = model->encode(images).codes;
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_TRUE(model->encode(images.slice(0, i, i + 1)).codes[0].equal(together[i])) << i;
  }
}

TEST(Vqgan, GradientReachesTheEncoderThroughTheCodesAndTheCodebookThroughItsVectors) {
  Vqgan model = drawn(micro(), 1);
  const Encoded encoded = model->encode(noise({1, 3, 16, 16}, 1));
  model->decode(straight_through(encoded.z, encoded.quantised)).square().mean().backward();
  auto parameters = model->named_parameters();
  EXPECT_GT(parameters["encoder.conv_in.weight"].grad().abs().sum().item<double>(), 0.0);
  EXPECT_FALSE(parameters["quantize.embedding.weight"].grad().defined());
  encoded.quantised.sum().backward();
  EXPECT_GT(parameters["quantize.embedding.weight"].grad().abs().sum().item<double>(), 0.0);
}

TEST(Vqgan, WeightsComeFromTheSeedAlone) {
  const auto a = drawn(micro(), 9)->parameters(), b = drawn(micro(), 9)->parameters();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << i;
  EXPECT_FALSE(a[0].equal(drawn(micro(), 10)->parameters()[0]));
}

TEST(Pixels, SurviveTheNetworkRangeAndBack) {
  const torch::Tensor pixels =
      at::randint(0, 256, {2, 3, 5, 7}, at::detail::createCPUGenerator(1), torch::kByte);
  const torch::Tensor images = to_network_range(pixels);
  EXPECT_LE(images.abs().max().item<double>(), 1.0);
  EXPECT_TRUE(to_pixels(images).equal(pixels));
}

TEST(Pixels, OutOfRangeValuesAreClamped) {
  EXPECT_TRUE(to_pixels(at::tensor({-1.5f, -1.0f, 0.0f, 1.0f, 7.0f}))
                  .equal(at::tensor({0, 0, 128, 255, 255}, torch::kByte)));  // 127.5 rounds to even
}

}  // namespace
}  // namespace oar
