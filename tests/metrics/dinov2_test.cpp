#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "tests/metrics/hashed_data.h"
#include "tests/metrics/test_extractors.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::filesystem::path kGolden =
    std::filesystem::path(OAR_SOURCE_DIR) / "tests/metrics/golden/dinov2_hashed.safetensors";

std::unique_ptr<FeatureExtractor> dinov2(const ExtractorWeights& weights,
                                         const ExtractorOptions& options = {}) {
  return make_feature_extractor("dinov2", weights, std::string(64, 'a'), torch::kCPU, options);
}

// Expected: tests/golden/make_golden.py, a float64 transformer from the definition, within 5e-7 of
// the official code. The sizes shrink, enlarge and distort.
TEST(Dinov2, AgreesWithATransformerWrittenFromTheDefinition) {
  const TensorMap golden = read_tensors(kGolden);
  const auto net = test_extractor("dinov2");
  const std::map<int64_t, std::pair<int64_t, int64_t>> pictures{
      {100, {64, 64}}, {101, {224, 224}}, {102, {300, 200}}, {103, {109, 89}}};
  for (const auto& [stream, side] : pictures) {
    const Features ours = net->extract(hashed_image(stream, side.first, side.second));
    EXPECT_LT(
        relative_difference(ours.features[0], golden.at("features." + std::to_string(stream))),
        1e-5)  // float32 against float64
        << "image " << stream;
  }
}

TEST(Dinov2, ReadsWidthAndDepthFromTheWeights) {
  EXPECT_EQ(dinov2(hashed_weights(dinov2_layout(64, 1)))->feature_dim(), 64);
  EXPECT_EQ(dinov2(hashed_weights(dinov2_layout(192, 3)))->feature_dim(), 192);
}

TEST(Dinov2, TakesPositionsOfItsOwnGridAsTheyAre) {  // 16 x 16 patches of 14 are 224 pixels
  ExtractorWeights trained_at_224 = hashed_weights(dinov2_layout(64, 1, 16));
  ExtractorWeights flat = trained_at_224;
  const torch::Tensor image = hashed_image(1, 64, 64);
  flat["pos_embed"] = torch::full({1, 1 + 37 * 37, 64}, 0.25);
  trained_at_224["pos_embed"] = torch::full({1, 1 + 16 * 16, 64}, 0.25);
  EXPECT_LT(relative_difference(dinov2(flat)->extract(image).features,
                                dinov2(trained_at_224)->extract(image).features),
            1e-5);  // a flat table stays flat on any grid
}

TEST(Dinov2, HasNoClassesAndNoStages) {
  const auto net = test_extractor("dinov2");
  EXPECT_EQ(net->num_classes(), 0);
  EXPECT_EQ(net->spatial_dim(), 0);
  EXPECT_FALSE(net->has_activations());
  EXPECT_THAT(
      [&] {
        net->activations(torch::zeros({1, 3, 224, 224}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("dinov2 has no stages that a perceptual loss could compare")));
}

TEST(Dinov2, ItsNumbersAreQualifiedByTheWeights) {
  EXPECT_EQ(qualified_name("FID", test_extractor("dinov2")->identity()), "FID[dinov2 aaaaaaaa]");
}

void expect_refusal(const ExtractorWeights& weights, const std::string& first,
                    const std::string& second) {
  EXPECT_THAT([&] { dinov2(weights); },
              ThrowsMessage<BadExtractorWeights>(AllOf(HasSubstr(first), HasSubstr(second),
                                                       HasSubstr("dinov2_vitl14_pretrain.pth"))));
}

TEST(Dinov2, RefusesRegistersAndSwigluByName) {
  ExtractorWeights weights = hashed_weights(dinov2_layout(64, 1));
  weights["register_tokens"] = torch::zeros({1, 4, 64});
  expect_refusal(weights, "\"register_tokens\"", "a network with register tokens");
  weights.erase("register_tokens");
  weights["blocks.0.mlp.w12.weight"] = torch::zeros({512, 64});
  expect_refusal(weights, "\"blocks.0.mlp.w12.weight\"", "ViT-g/14 with its SwiGLU");
}

TEST(Dinov2, RefusesWhatNoHeadsFit) {
  expect_refusal(hashed_weights(dinov2_layout(100, 1)), "\"cls_token\" has 100 numbers",
                 "needed is a multiple of 64");
}

TEST(Dinov2, RefusesPositionsThatAreNoSquare) {
  ExtractorWeights weights = hashed_weights(dinov2_layout(64, 1));
  weights["pos_embed"] = torch::zeros({1, 1 + 1000, 64});
  expect_refusal(weights, "\"pos_embed\" is Float [1, 1001, 64]", "shape [1, 1025, 64]");
}

TEST(Dinov2, NamesTheTensorThatIsMissingInTheMiddle) {
  ExtractorWeights weights = hashed_weights(dinov2_layout(64, 3));
  weights.erase("blocks.1.ls1.gamma");
  expect_refusal(weights, "\"blocks.1.ls1.gamma\" is missing", "[64]");
}

TEST(Dinov2, HasOneConventionAndFloat32) {
  const ExtractorWeights weights = hashed_weights(dinov2_layout(64, 1));
  EXPECT_THAT([&] { dinov2(weights, {.convention = "clean_fid"}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(
                  "\"clean_fid\" is one of inception_v3; dinov2 reads images in its own")));
}

}  // namespace
}  // namespace oar
