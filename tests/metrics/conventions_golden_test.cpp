// Whole evaluations, from images of several sizes to the number, against the published tools' own
// code on the same images and drawn weights: made by tests/golden/make_conventions_golden.py,
// stored in tests/metrics/golden/conventions.json.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "metrics/fid.h"
#include "metrics/inception_score.h"
#include "metrics/kid.h"
#include "metrics/manifold.h"
#include "tests/metrics/hashed_data.h"
#include "tests/metrics/test_extractors.h"

namespace oar {
namespace {

// The constants of the script.
struct Size {
  int64_t height, width;
};
constexpr Size kSizes[] = {{299, 299}, {64, 64}, {300, 200}, {109, 89},
                           {350, 350}, {32, 48}, {180, 299}, {256, 320}};
constexpr int64_t kReal = 24, kGenerated = 20;
constexpr int64_t kSplits = 3, kSubsets = 10, kSubsetSize = 12, kAdmSplitSize = 8;

torch::Tensor real_image(int64_t number) {
  const Size size = kSizes[number % std::ssize(kSizes)];
  return hashed_image(2000 + number, size.height, size.width);
}

// 7/8 of the real ones' contrast, in the middle of the range.
torch::Tensor generated_image(int64_t number) {
  const Size size = kSizes[number % std::ssize(kSizes)];
  const torch::Tensor pixels = hashed_image(4000 + number, size.height, size.width);
  return pixels - pixels.floor_divide(8) + 16;
}

// One by one: they have several sizes.
Features features_of(const FeatureExtractor& net, int64_t count, torch::Tensor (*image)(int64_t)) {
  std::vector<torch::Tensor> features, logits, spatial;
  for (int64_t number = 0; number < count; ++number) {
    const Features one = net.extract(image(number));
    features.push_back(one.features);
    logits.push_back(one.logits);
    spatial.push_back(one.spatial);
  }
  return {at::cat(features), at::cat(logits), at::cat(spatial)};
}

class GoldenConvention : public ::testing::Test {
 protected:
  void extract(const std::string& convention) {
    const auto net = test_extractor("inception_v3", at::kCPU, {.convention = convention});
    real_ = features_of(*net, kReal, real_image);
    generated_ = features_of(*net, kGenerated, generated_image);
  }

  void expect(double ours, const std::string& name, double relative) {
    const double theirs = golden_.at(name).get<double>();
    RecordProperty(name, fmt::format("{:.3g}", std::abs(ours / theirs - 1)));
    EXPECT_NEAR(ours, theirs, relative * std::abs(theirs)) << name;
  }

  // A share of `count` images: one of them may lie so close to a sphere that the tool's float32
  // decides.
  void expect_share(double ours, const std::string& name, int64_t count) {
    EXPECT_NEAR(ours, golden_.at(name).get<double>(), 1.01 / static_cast<double>(count)) << name;
  }

  Features real_, generated_;

 private:
  const nlohmann::json golden_ = nlohmann::json::parse(std::ifstream(
      std::filesystem::path(OAR_SOURCE_DIR) / "tests/metrics/golden/conventions.json"));
};

// With fewer images than features the tools' FID takes roots of eigenvalues that are zero but for
// rounding: 1e-5 here, and none with more images than features. `.float64` is their formula on
// their features without those.
TEST_F(GoldenConvention, TorchFidelity) {
  extract("torch_fidelity");
  const double distance = fid(real_.features, generated_.features);
  expect(distance, "torch_fidelity.fid", 1e-4);
  expect(distance, "torch_fidelity.fid.float64",
         2e-6);  // float32 networks, summed in another order
  const InceptionScore score = inception_score(generated_.logits, kSplits);
  expect(score.mean, "torch_fidelity.is_mean", 1e-6);
  expect(score.stddev, "torch_fidelity.is_stddev", 1e-4);
  const Kid kernel = kid(real_.features, generated_.features, kSubsets, kSubsetSize);
  expect(kernel.mean, "torch_fidelity.kid_mean", 1e-4);  // it sums kernels in float32
  expect(kernel.stddev, "torch_fidelity.kid_stddev", 1e-4);
  const ManifoldScores manifold = manifold_metrics(real_.features, generated_.features, 3, 5);
  expect_share(manifold.precision, "torch_fidelity.precision", kGenerated);
  expect_share(manifold.recall, "torch_fidelity.recall", kReal);
  // prdc, on the same features; its k is one for all four.
  const ManifoldScores fives = manifold_metrics(real_.features, generated_.features, 5, 5);
  expect_share(fives.precision, "prdc.precision", kGenerated);
  expect_share(fives.recall, "prdc.recall", kReal);
  expect(fives.density, "prdc.density", 1e-9);
  expect(fives.coverage, "prdc.coverage", 1e-9);
}

TEST_F(GoldenConvention, PytorchFid) {
  extract("pytorch_fid");
  const double distance = fid(real_.features, generated_.features);
  expect(distance, "pytorch_fid.fid", 1e-4);
  expect(distance, "pytorch_fid.fid.float64", 2e-6);
}

TEST_F(GoldenConvention, CleanFid) {
  extract("clean_fid");
  const double distance = fid(real_.features, generated_.features);
  expect(distance, "clean_fid.fid", 1e-4);
  expect(distance, "clean_fid.fid.float64", 5e-6);  // Pillow keeps float32 between its passes
  expect(kid(real_.features, generated_.features, kSubsets, kSubsetSize).mean, "clean_fid.kid_mean",
         1e-4);  // float32 kernels
}

TEST_F(GoldenConvention, Adm) {
  extract("adm");
  expect(fid(real_.features, generated_.features), "adm.fid", 2e-6);
  expect(fid(real_.spatial, generated_.spatial), "adm.sfid", 2e-6);
  expect(inception_score_in_order(generated_.logits, kAdmSplitSize).mean, "adm.is", 1e-6);
  const ManifoldScores manifold = manifold_metrics(real_.features, generated_.features, 3, 5);
  expect_share(manifold.precision, "adm.precision", kGenerated);
  expect_share(manifold.recall, "adm.recall", kReal);
}

}  // namespace
}  // namespace oar
