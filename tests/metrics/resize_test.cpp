#include "metrics/resize.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/metrics/hashed_data.h"

namespace oar {
namespace {

// A grey picture as an image of three equal channels.
torch::Tensor grey(const std::vector<int>& pixels, int64_t height, int64_t width) {
  return torch::tensor(pixels, torch::kInt32)
      .to(torch::kUInt8)
      .view({1, 1, height, width})
      .repeat({1, 3, 1, 1});
}

void expect_every_channel(const torch::Tensor& image, const std::vector<double>& expected,
                          double tolerance) {
  const auto want = torch::tensor(expected, torch::kFloat64).view(image[0][0].sizes());
  for (int64_t channel = 0; channel < 3; ++channel) {
    EXPECT_LT((image[0][channel].to(torch::kFloat64) - want).abs().max().item<double>(), tolerance)
        << image;
  }
}

const std::vector<int> kPicture{0, 10,  200, 255, 30,  60,  90,  120,
                                5, 250, 5,   250, 100, 100, 100, 100};

// Expected: Pillow 13.0, Image.fromarray(float32 picture).resize((n, n), Image.BICUBIC), four
// digits; clipped to 0 .. 255.
TEST(ResizeBicubic, ShrinksAsPillowDoes) {
  expect_every_channel(
      resize_bicubic_antialias(grey(kPicture, 4, 4), 3),
      {0, 93.3898, 214.6806, 58.4645, 101.2178, 142.6670, 97.4593, 109.7998, 122.1402}, 1e-4);
}

TEST(ResizeBicubic, EnlargesAsPillowDoesAndClipsWhatOvershoots) {
  expect_every_channel(
      resize_bicubic_antialias(grey(kPicture, 4, 4), 6),
      {0,        0,        30.6949,  179.9219, 249.0209, 255,     15.1432,  11.0727,  38.1447,
       135.7891, 177.1280, 185.8359, 23.6883,  56.6966,  88.4728, 71.5113,  101.7279, 133.3394,
       0,        126.1629, 219.7707, 25.1150,  118.4110, 255,     45.4063,  121.7647, 171.8628,
       60.1961,  110.2941, 186.6525, 107.3104, 97.7167,  91.3255, 105.0560, 98.6649,  89.0712},
      1e-4);
}

TEST(ResizeBicubic, LeavesAnImageOfTheRightSizeAsItIs) {
  const torch::Tensor image = hashed_image(1, 12, 12);
  EXPECT_TRUE(resize_bicubic_antialias(image, 12).equal(image.to(torch::kFloat32)));
}

TEST(ResizeBicubic, KeepsAFlatImageFlat) {
  const torch::Tensor flat = torch::full({1, 3, 37, 91}, 77, torch::kUInt8);
  EXPECT_LT((resize_bicubic_antialias(flat, 24) - 77).abs().max().item<double>(), 1e-5);
}

// Expected: Pillow 13.0, Image.fromarray(bytes, "RGB").resize((n, n), Image.BICUBIC). Clipping
// between the passes shows: the first pixel of the smaller picture is 0 without it.
TEST(ResizeBicubicRounded, ShrinksAndEnlargesBytesAsPillowDoes) {
  expect_every_channel(resize_bicubic_rounded(grey(kPicture, 4, 4), 3),
                       {6, 93, 214, 59, 102, 142, 98, 110, 122}, 1e-12);
  expect_every_channel(
      resize_bicubic_rounded(grey(kPicture, 4, 4), 6),
      {0, 0,   31,  180, 249, 255, 15, 14,  38,  136, 177, 185, 25,  56, 88, 71,  102, 132,
       0, 126, 220, 25,  118, 246, 51, 122, 172, 60,  110, 181, 107, 98, 91, 105, 99,  90},
      1e-12);
}

// Expected: Pillow 13.0, .resize((4, 6), Image.BICUBIC).resize((4, 4), Image.BICUBIC). In one call
// it goes down first: its second row ends in 7 for our 16.
TEST(ResizeBicubicRounded, GoesAcrossBeforeItGoesDown) {
  const std::vector<int> tall{70,  151, 254, 208, 238, 78,  142, 254, 0,
                              103, 35,  58,  33,  70,  124, 251, 197, 46};
  expect_every_channel(resize_bicubic_rounded(grey(tall, 6, 3), 4),
                       {118, 159, 191, 194, 167, 230, 163, 16, 72, 57, 61, 80, 173, 166, 123, 72},
                       1e-12);
}

TEST(ResizeBicubicRounded, LeavesAnImageOfTheRightSizeAsItIs) {
  const torch::Tensor image = hashed_image(1, 12, 12);
  EXPECT_TRUE(resize_bicubic_rounded(image, 12).equal(image));
}

TEST(ResizeTf1,
     ReadsFromTheCornerAndRepeatsTheLastPixel) {  // src = 0, 0.5, 1, 1.5; pixel 2 is pixel 1 again
  const std::vector<double> row{0, 50, 100, 100};
  std::vector<double> expected;
  for (int i = 0; i < 4; ++i) expected.insert(expected.end(), row.begin(), row.end());
  expect_every_channel(resize_bilinear_tf1(grey({0, 100, 0, 100}, 2, 2), 4), expected, 1e-12);
}

TEST(ResizeTf1, ShrinksWithoutAveraging) {  // every second pixel, whatever lies between
  expect_every_channel(resize_bilinear_tf1(grey(kPicture, 4, 4), 2), {0, 200, 5, 5}, 1e-12);
}

TEST(ResizeTf1, LeavesAnImageOfTheRightSizeAsItIs) {
  const torch::Tensor image = hashed_image(1, 299, 299);
  EXPECT_TRUE(resize_bilinear_tf1(image, 299).equal(image.to(torch::kFloat32)));
}

}  // namespace
}  // namespace oar
