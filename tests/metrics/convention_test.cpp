#include "metrics/convention.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "tests/metrics/hashed_data.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor input(const std::string& convention, const torch::Tensor& images) {
  return find_convention(convention).input(images);
}

// One row of grey levels, as an image of three equal channels and 299 equal rows.
torch::Tensor striped(const torch::Tensor& row) {
  return row.to(torch::kUInt8).expand({1, 3, kInceptionSide, row.size(0)});
}

TEST(Convention, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  EXPECT_THAT([] { find_convention("cleanfid"); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("no convention is called \"cleanfid\""),
                        HasSubstr("torch_fidelity, pytorch_fid, clean_fid, adm"))));
}

TEST(Convention, ScalesBlackAndWhiteAsItsToolDoes) {
  const torch::Tensor black = torch::zeros({1, 3, 299, 299}, torch::kUInt8), white = black + 255;
  const auto range = [&](const std::string& convention) {
    return std::vector<double>{input(convention, black).amax().item<double>(),
                               input(convention, white).amin().item<double>()};
  };
  EXPECT_THAT(range("torch_fidelity"), ElementsAre(-1, 127.0 / 128));
  EXPECT_THAT(range("pytorch_fid"), ElementsAre(-1, 1));
  EXPECT_THAT(range("clean_fid"), ElementsAre(-1, 127.0 / 128));
  EXPECT_THAT(range("adm"), ElementsAre(-1, 127.0 / 128));
}

TEST(Convention, AdmReadsImagesAsTorchFidelityDoes) {
  const torch::Tensor image = hashed_image(1, 64, 400);
  EXPECT_TRUE(input("adm", image).equal(input("torch_fidelity", image)));
}

TEST(PytorchFid, EnlargesBetweenPixelCentresAndRepeatsTheEdge) {
  // Two pixels to 299: pixel i lies at (i + 1/2) 2/299 - 1/2, between 0 and 1.
  const torch::Tensor at =
      ((torch::arange(299, torch::kFloat64) + 0.5) * 2 / 299 - 0.5).clamp(0, 1);
  const torch::Tensor expected = 2 * (at * 100 / 255) - 1;
  const torch::Tensor ours = input("pytorch_fid", striped(torch::tensor({0, 100})));
  EXPECT_LT((ours - expected).abs().max().item<double>(), 1e-6);  // float32
}

TEST(PytorchFid, ShrinksByTheTwoNearestPixelsAlone) {  // of every four, the outer two are not seen
  const torch::Tensor row = hashed_bits(1, 4 * 299).bitwise_and(255);
  const torch::Tensor fours = row.view({299, 4}).to(torch::kFloat64);
  const torch::Tensor expected = (fours.select(1, 1) + fours.select(1, 2)) / 255 - 1;
  EXPECT_LT((input("pytorch_fid", striped(row)) - expected).abs().max().item<double>(), 1e-6);
}

struct Pixel {
  int64_t y, x, channel;
  double expected;
};

// Expected: clean-fid 0.1.35's build_resizer("clean") with Pillow 13.0.
void expect_pixels(const torch::Tensor& image, const std::vector<Pixel>& pixels) {
  const torch::Tensor grey_levels = input("clean_fid", image)[0] * 128 + 128;
  for (const Pixel& pixel : pixels) {
    EXPECT_NEAR(grey_levels[pixel.channel][pixel.y][pixel.x].item<double>(), pixel.expected, 1e-4)
        << pixel.y << ", " << pixel.x;
  }
}

TEST(CleanFid, EnlargesAsItsOwnResizeDoes) {
  expect_pixels(hashed_image(7, 32, 48), {{0, 0, 0, 92.7384},
                                          {0, 298, 1, 215.3814},
                                          {150, 7, 2, 113.1314},
                                          {149, 149, 0, 112.0352},
                                          {298, 298, 1, 28.5772},
                                          {77, 200, 2, 89.5901}});
}

TEST(CleanFid, ShrinksAsItsOwnResizeDoes) {
  expect_pixels(hashed_image(8, 350, 640), {{0, 0, 0, 160.7268},
                                            {0, 298, 1, 144.1776},
                                            {150, 7, 2, 138.1786},
                                            {149, 149, 0, 41.6618},
                                            {298, 298, 1, 67.0957},
                                            {77, 200, 2, 83.0903}});
}

}  // namespace
}  // namespace oar
