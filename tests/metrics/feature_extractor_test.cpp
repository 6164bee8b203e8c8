#include "metrics/feature_extractor.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/metrics/hashed_data.h"
#include "tests/metrics/test_extractors.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::string> extractor_names() {
  std::vector<std::string> names;
  for (const auto& [name, sentence] : list_feature_extractors()) names.push_back(name);
  return names;
}

// ---- what every extractor promises ----

class EveryExtractor : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<FeatureExtractor> net_ = test_extractor(GetParam());
};

TEST_P(EveryExtractor, GivesARowOfFeaturesAndLogitsForEachImage) {
  const Features features = net_->extract(hashed_image(1, 40, 50).repeat({2, 1, 1, 1}));
  EXPECT_EQ(features.features.sizes(), at::IntArrayRef({2, net_->feature_dim()}));
  EXPECT_EQ(features.logits.sizes(), at::IntArrayRef({2, net_->num_classes()}));
  EXPECT_EQ(features.spatial.sizes(), at::IntArrayRef({2, net_->spatial_dim()}));
  EXPECT_EQ(features.features.scalar_type(), torch::kFloat32);
  EXPECT_FALSE(features.features.requires_grad());
  EXPECT_EQ(net_->name(), GetParam());
}

TEST_P(EveryExtractor, GivesAnImageTheSameNumbersInEveryBatch) {
  std::vector<torch::Tensor> images;
  for (int64_t i = 0; i < 7; ++i) images.push_back(hashed_image(i, 64, 64));
  const Features together = net_->extract(torch::cat(images));
  for (int64_t i : {0, 3, 6}) {
    const Features alone = net_->extract(images[static_cast<size_t>(i)]);
    // float rounding: another batch size may take another kernel, with another order of summation
    EXPECT_LT(relative_difference(together.features[i], alone.features[0]), 1e-5);
    if (net_->num_classes() == 0) continue;
    EXPECT_LT(relative_difference(together.logits[i], alone.logits[0]), 1e-5);
  }
}

TEST_P(EveryExtractor, AnswersAnEmptyBatchWithNoRows) {
  EXPECT_EQ(net_->extract(torch::zeros({0, 3, 8, 8}, torch::kUInt8)).features.size(0), 0);
}

TEST_P(EveryExtractor, RefusesImagesThatAreNotBytesOfThreeChannels) {
  EXPECT_THROW(net_->extract(torch::zeros({1, 3, 64, 64})), c10::Error);
  EXPECT_THROW(net_->extract(torch::zeros({1, 1, 64, 64}, torch::kUInt8)), c10::Error);
}

TEST_P(EveryExtractor, ActivationsFollowTheImageSizeAndCarryTheGradientToTheImage) {
  if (!net_->has_activations()) GTEST_SKIP() << "a network without stages";
  const auto loss = [&](const torch::Tensor& x) {
    torch::Tensor sum = torch::zeros({}, torch::kFloat64);
    for (const torch::Tensor& stage : net_->activations(x))
      sum = sum + stage.to(torch::kFloat64).square().mean();
    return sum;
  };
  const torch::Tensor image = hashed_image(1, 80, 112).to(torch::kFloat32);
  const torch::Tensor x = image.clone().requires_grad_(true);
  loss(x).backward();
  const torch::Tensor direction = x.grad() / x.grad().abs().max();  // steepest: nothing cancels
  const double predicted = (x.grad() * direction).sum().item<double>();
  const at::NoGradGuard no_grad;
  constexpr double kStep =
      0.05;  // grey levels: small against the rectifiers' kinks, large against float32
  const torch::Tensor there = loss(image + kStep * direction);
  const torch::Tensor back = loss(image - kStep * direction);
  const double measured = ((there - back) / (2 * kStep)).item<double>();
  EXPECT_NEAR(measured, predicted, 0.02 * std::abs(predicted));
  EXPECT_GT(net_->activations(image).size(), 2U);
}

TEST_P(EveryExtractor, ActivationsRefuseImagesTooSmallForTheNetwork) {
  if (!net_->has_activations()) GTEST_SKIP() << "a network without stages";
  EXPECT_THROW(net_->activations(torch::zeros({1, 3, 31, 200})), c10::Error);
}

TEST_P(EveryExtractor, NamesAMissingTensor) {
  ExtractorWeights weights = test_weights(GetParam());
  const std::string name = std::prev(weights.end(), 3)->first;
  weights.erase(name);
  EXPECT_THAT([&] { make_feature_extractor(GetParam(), weights, "", torch::kCPU); },
              ThrowsMessage<BadExtractorWeights>(
                  AllOf(HasSubstr(GetParam()), HasSubstr("\"" + name + "\" is missing"))));
}

TEST_P(EveryExtractor, NamesATensorOfAnotherShape) {
  ExtractorWeights weights = test_weights(GetParam());
  const auto matrix = std::find_if(weights.begin(), weights.end(), [](const auto& entry) {
    return entry.first.ends_with(".weight") && entry.second.dim() == 2;
  });
  ASSERT_NE(matrix, weights.end());
  auto& [name, tensor] = *matrix;
  tensor = tensor.slice(0, 0, 99);
  EXPECT_THAT([&] { make_feature_extractor(GetParam(), weights, "", torch::kCPU); },
              ThrowsMessage<BadExtractorWeights>(AllOf(HasSubstr("\"" + name + "\" is Float [99, "),
                                                       HasSubstr("needed is a float tensor"))));
}

TEST_P(EveryExtractor, RefusesTheWeightsOfAnotherNetwork) {
  ExtractorWeights weights = test_weights(GetParam());
  weights["AuxLogits.fc.weight"] = torch::zeros({1000, 768});
  EXPECT_THAT(
      [&] { make_feature_extractor(GetParam(), weights, "", torch::kCPU); },
      ThrowsMessage<BadExtractorWeights>(HasSubstr("\"AuxLogits.fc.weight\" has no place")));
}

TEST_P(EveryExtractor, GivesTheSameFeaturesOnCudaAsOnTheCpu) {
  if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no CUDA device";
  const torch::Tensor images = torch::cat({hashed_image(1, 64, 64), hashed_image(2, 64, 64)});
  const Features cuda = test_extractor(GetParam(), torch::kCUDA)->extract(images);
  EXPECT_LT(relative_difference(cuda.features, net_->extract(images).features),
            1e-4);  // full float32
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryExtractor, ::testing::ValuesIn(extractor_names()),
                         [](const auto& info) { return info.param; });

// ---- the registry and the names of the numbers ----

TEST(FeatureExtractors, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  EXPECT_THAT([] { make_feature_extractor("inception", {}, "", torch::kCPU); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("no feature extractor is called \"inception\""),
                        HasSubstr("known: dinov2, efficientnet_lite0, inception_v3"),
                        HasSubstr("did you mean \"inception_v3\"?"))));
}

TEST(FeatureExtractors, OnlyThePublishedInceptionGivesAnUnqualifiedFid) {
  const ExtractorWeights weights = test_weights("inception_v3");
  const auto named = [&](const std::string& sha256) {
    return qualified_name(
        "FID", make_feature_extractor("inception_v3", weights, sha256, torch::kCPU)->identity());
  };
  EXPECT_EQ(named("6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"), "FID");
  EXPECT_EQ(named("abcd1234" + std::string(56, '0')), "FID[inception_v3 abcd1234]");
}

TEST(FeatureExtractors, TheEmbeddedNetworkIsNamedAndItsWeightsWhereTheyAreNotTheEmbeddedOnes) {
  EXPECT_EQ(qualified_name("KID", test_extractor("efficientnet_lite0")->identity()),
            "KID[efficientnet_lite0]");
  const auto other = make_feature_extractor(
      "efficientnet_lite0", test_weights("efficientnet_lite0"), "0123456789abcdef", torch::kCPU);
  EXPECT_EQ(qualified_name("KID", other->identity()), "KID[efficientnet_lite0 01234567]");
}

TEST(FeatureExtractors, FidOnThePublishedDinov2HasANameOfItsOwn) {
  const ExtractorIdentity published{"dinov2", std::string(kDinov2Vitl14Sha256), {}};
  EXPECT_EQ(qualified_name("FID", published), "FD-DINOv2");
  EXPECT_EQ(qualified_name("KID", published), "KID[dinov2_vitl14]");
  EXPECT_EQ(qualified_name("FID", {"dinov2", "0123456789abcdef", {}}), "FID[dinov2 01234567]");
}

TEST(EmbeddedWeights, AreTheWholeFile) {
  EXPECT_EQ(embedded_efficientnet_lite0().size(), 18826032U);
  EXPECT_TRUE(embedded_efficientnet_lite0_sha256().starts_with("579344248a93e230"));
}

}  // namespace
}  // namespace oar
