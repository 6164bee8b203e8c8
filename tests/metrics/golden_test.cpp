// Our networks and metrics against the numbers other implementations give on the same input: made
// by tests/golden/make_golden.py, stored in tests/metrics/golden.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "metrics/fid.h"
#include "metrics/inception_score.h"
#include "metrics/kid.h"
#include "metrics/manifold.h"
#include "tests/metrics/feature_sets.h"
#include "tests/metrics/test_extractors.h"

namespace oar {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(OAR_SOURCE_DIR) / "tests/metrics/golden";

double number(const std::string& name) {
  std::ifstream file(kFolder / "metrics.json");
  return nlohmann::json::parse(file).at(name).get<double>();
}

torch::Tensor features(const std::string& name) {
  return read_tensors(kFolder / "feature_arrays.safetensors").at(name);
}

struct Picture {
  int64_t stream, height, width;
};
constexpr Picture kPictures[] = {{100, 64, 64}, {101, 224, 224}, {102, 300, 200}, {103, 109, 89}};

// Largest difference over the pictures, relative to the largest number of each.
void expect_agreement(const std::string& extractor, const std::string& file, double tolerance) {
  const TensorMap golden = read_tensors(kFolder / file);
  const auto net = test_extractor(extractor);
  for (const Picture& picture : kPictures) {
    SCOPED_TRACE(picture.stream);
    const Features ours = net->extract(hashed_image(picture.stream, picture.height, picture.width));
    const std::string id = std::to_string(picture.stream);
    EXPECT_LT(relative_difference(ours.features[0], golden.at("features." + id)), tolerance);
    EXPECT_LT(relative_difference(ours.logits[0], golden.at("logits." + id)), tolerance);
  }
}

TEST(GoldenEfficientNetLite0, AgreesWithThePackageItsWeightsComeFrom) {
  expect_agreement("efficientnet_lite0", "efficientnet_lite0.safetensors",
                   1e-5);  // float32 against float64
}

TEST(GoldenEfficientNetLite0, StagesOfAnImageThatIsNotResizedAgreeWithThePackage) {
  const TensorMap golden = read_tensors(kFolder / "efficientnet_lite0.safetensors");
  const auto stages = test_extractor("efficientnet_lite0")
                          ->activations(hashed_image(103, 109, 89).to(torch::kFloat32));
  ASSERT_EQ(stages.size(), 5U);
  for (size_t i = 0; i < stages.size(); ++i) {
    const torch::Tensor& expected = golden.at("stage." + std::to_string(i));
    EXPECT_LT(relative_difference(stages[i].mean({0, 2, 3}), expected), 1e-5) << "stage " << i;
  }
}

TEST(GoldenInceptionV3,
     AgreesWithTorchFidelityOnDrawnWeights) {  // fc.bias is left out of the logits
  expect_agreement("inception_v3", "inception_v3_hashed.safetensors",
                   1e-5);  // float32 against float64
}

TEST(GoldenInceptionV3, HasThePublishedNumberOfTensorsAndParameters) {
  int64_t numbers = 0;
  const ExtractorWeights weights = test_weights("inception_v3");
  for (const auto& [name, tensor] : weights) numbers += tensor.numel();
  EXPECT_EQ(weights.size(), 472U);
  EXPECT_EQ(numbers, 23885392);
}

TEST(GoldenFid, AgreesWithNumpyAndScipy) {
  const double ours = fid(features("real"), features("generated"));
  EXPECT_NEAR(ours, number("fid"), 1e-9);
  EXPECT_NEAR(ours, number("fid_sqrtm"), 1e-9);
}

TEST(GoldenFid, AgreesWithTorchFidelityAndPytorchFid) {  // both take the mean in float32
  const double ours = fid(features("real"), features("generated"));
  EXPECT_NEAR(ours, number("torch_fidelity.fid"), 1e-5);
  EXPECT_NEAR(ours, number("pytorch_fid.fid"), 1e-5);
}

TEST(GoldenFid, OfFewerImagesThanFeaturesAgreesWithNumpy) {
  const double ours = fid(features("few_real"), features("few_generated"));
  EXPECT_NEAR(ours, number("fid_few_singular_values"), 1e-9);
  EXPECT_NEAR(ours, number("fid_few"), 1e-5);  // √ of the rounding of 45 zero eigenvalues: 2e-6
}

// 64 features of 40 or 300 images; 40 leave the covariance singular.
class GoldenFidOfSizes : public ::testing::TestWithParam<std::pair<int64_t, int64_t>> {
 protected:
  torch::Tensor real_ = common_factor_features(210, 300, 64, 1).slice(0, 0, GetParam().first);
  torch::Tensor generated_ =
      common_factor_features(211, 300, 64, 0.5).slice(0, 0, GetParam().second);

  static double golden(const std::string& peer) {
    const auto [real, generated] = GetParam();
    return number(peer + "fid_" + std::to_string(real) + "_" + std::to_string(generated));
  }
};

TEST_P(GoldenFidOfSizes, FromFeaturesAndFromMomentsAgreesWithNumpy) {
  EXPECT_NEAR(fid(real_, generated_), golden(""), 1e-12);
  EXPECT_NEAR(fid(moments_of(real_), moments_of(generated_)), golden(""), 1e-9);
}

TEST_P(GoldenFidOfSizes, AgreesWithCleanFidAndTorchFidelity) {
  // √ of the rounding of the 25 zero eigenvalues; the second also takes the mean in float32
  EXPECT_NEAR(fid(real_, generated_), golden("clean_fid."), 1e-6);
  EXPECT_NEAR(fid(real_, generated_), golden("torch_fidelity."), 2e-6);
}

INSTANTIATE_TEST_SUITE_P(Images, GoldenFidOfSizes,
                         ::testing::Values(std::pair(40, 300), std::pair(300, 40),
                                           std::pair(300, 300)),
                         [](const auto& info) {
                           return std::to_string(info.param.first) + "_" +
                                  std::to_string(info.param.second);
                         });

class GoldenManifold : public ::testing::Test {
 protected:
  torch::Tensor real_ = common_factor_features(200, 700, 8, 1);
  torch::Tensor generated_ = common_factor_features(201, 600, 8, 0.75);
};

TEST_F(GoldenManifold, PrecisionAndRecallAgreeWithAdmsFormula) {
  const ManifoldScores ours = manifold_metrics(real_, generated_, 3, 5);
  EXPECT_NEAR(ours.precision, number("adm.precision"), 1e-12);
  EXPECT_NEAR(ours.recall, number("adm.recall"), 1e-12);
}

TEST_F(GoldenManifold, PrecisionAndRecallAgreeWithTorchFidelity) {  // a share in float32
  const ManifoldScores ours = manifold_metrics(real_, generated_, 3, 5);
  EXPECT_NEAR(ours.precision, number("torch_fidelity.precision"), 1e-6);
  EXPECT_NEAR(ours.recall, number("torch_fidelity.recall"), 1e-6);
}

TEST_F(GoldenManifold, AllFourAgreeWithPrdc) {  // which has one k for all; no sphere is hit here
  const ManifoldScores ours = manifold_metrics(real_, generated_, 5, 5);
  EXPECT_NEAR(ours.precision, number("prdc.precision"), 1e-12);
  EXPECT_NEAR(ours.recall, number("prdc.recall"), 1e-12);
  EXPECT_NEAR(ours.density, number("prdc.density"), 1e-12);
  EXPECT_NEAR(ours.coverage, number("prdc.coverage"), 1e-12);
}

TEST(GoldenInceptionScore, AgreesWithNumpyAndTorchFidelity) {
  const InceptionScore ours = inception_score(features("logits"));
  EXPECT_NEAR(ours.mean, number("is_mean"), 1e-12);
  EXPECT_NEAR(ours.stddev, number("is_stddev"), 1e-12);
  EXPECT_NEAR(ours.mean, number("torch_fidelity.is_mean"), 1e-12);
  EXPECT_NEAR(ours.stddev, number("torch_fidelity.is_stddev"), 1e-12);
}

TEST(GoldenKid, AgreesWithNumpyAndTorchFidelity) {  // the latter sums in float32
  const Kid ours = kid(features("real"), features("generated"), 7, 50);
  EXPECT_NEAR(ours.mean, number("kid_mean"), 1e-9);
  EXPECT_NEAR(ours.stddev, number("kid_stddev"), 1e-9);
  EXPECT_NEAR(ours.mean, number("torch_fidelity.kid_mean"), 1e-4);
  EXPECT_NEAR(ours.stddev, number("torch_fidelity.kid_stddev"), 1e-4);
}

TEST(GoldenKid,
     OfManySubsetsAgreesWithNumpy) {  // so many that one kernel matrix of all pairs serves them
  const Kid ours = kid(features("real"), features("generated"), 30, 100);
  EXPECT_NEAR(ours.mean, number("kid_many_mean"), 1e-9);
  EXPECT_NEAR(ours.stddev, number("kid_many_stddev"), 1e-9);
}

}  // namespace
}  // namespace oar
