#include "datasets/square.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "datasets/sha256.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Red, green and blue of a pixel are whole numbers that any language computes alike.
Bytes patterned(int width, int height) {
  cv::Mat picture(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        picture.at<cv::Vec3b>(y, x)[2 - c] = static_cast<uint8_t>(
            (x * 7 + y * 13 + c * 29 + (x * y) % 17 * 11 + ((x / 3 + y / 2) % 2) * 90) % 256);
      }
    }
  }
  return encode(picture, ".png");
}

std::string hash_of(const torch::Tensor& planes) {
  const auto* bytes = static_cast<const std::byte*>(planes.const_data_ptr());
  return sha256_hex(std::span(bytes, planes.numel())).substr(0, 12);
}

/// Pixels of Pillow 11.3, and of ADM's center_crop_arr() as published:
/// tests/golden/make_squares_golden.py.
struct OfPillow {
  int width, height, size;
  const char *crop, *resize, *sha256;  ///< of the planes red, green, blue; its first 12 digits
};
const std::vector<OfPillow> kOfPillow = {
    // clang-format off
    {37, 53, 8, "centre", "bilinear", "5740c02f552a"},
    {37, 53, 8, "centre", "bicubic", "6758c44dadfa"},
    {37, 53, 8, "centre", "lanczos", "c5a820f9f940"},
    {37, 53, 8, "stretch", "bicubic", "bab3fce19c48"},
    {37, 53, 8, "top", "lanczos", "4c9e6db46a4f"},
    {37, 53, 8, "adm", "bicubic", "95a4b0ff34fe"},
    {37, 53, 16, "centre", "bilinear", "0dedab381f9c"},
    {37, 53, 16, "centre", "bicubic", "fc170f0c9869"},
    {37, 53, 16, "centre", "lanczos", "b634300daa1d"},
    {37, 53, 16, "stretch", "bicubic", "b27c007235dc"},
    {37, 53, 16, "top", "lanczos", "d75f65c21308"},
    {37, 53, 16, "adm", "bicubic", "ca97db609999"},
    {37, 53, 64, "centre", "bilinear", "d4282c735180"},
    {37, 53, 64, "centre", "bicubic", "8b1f775f638d"},
    {37, 53, 64, "centre", "lanczos", "f58f861417bf"},
    {37, 53, 64, "stretch", "bicubic", "036c0433caab"},
    {37, 53, 64, "top", "lanczos", "26f8e97004fa"},
    {37, 53, 64, "adm", "bicubic", "e3087c0219fe"},
    {150, 101, 8, "centre", "bilinear", "4f27ebac1e79"},
    {150, 101, 8, "centre", "bicubic", "05a00be433c2"},
    {150, 101, 8, "centre", "lanczos", "388be1777bba"},
    {150, 101, 8, "stretch", "bicubic", "27beb2287f8f"},
    {150, 101, 8, "top", "lanczos", "388be1777bba"},
    {150, 101, 8, "adm", "bicubic", "c30789decb4e"},
    {150, 101, 16, "centre", "bilinear", "117a009a1303"},
    {150, 101, 16, "centre", "bicubic", "d84b1c164462"},
    {150, 101, 16, "centre", "lanczos", "c06bcf6539fe"},
    {150, 101, 16, "stretch", "bicubic", "e8770cbe7eb7"},
    {150, 101, 16, "top", "lanczos", "c06bcf6539fe"},
    {150, 101, 16, "adm", "bicubic", "2c81aa52adc3"},
    {150, 101, 64, "centre", "bilinear", "a82e53d88529"},
    {150, 101, 64, "centre", "bicubic", "7c8a3181b5a4"},
    {150, 101, 64, "centre", "lanczos", "14689b6a016c"},
    {150, 101, 64, "stretch", "bicubic", "a269f3f7a04e"},
    {150, 101, 64, "top", "lanczos", "14689b6a016c"},
    {150, 101, 64, "adm", "bicubic", "b61d16f571af"},
    {178, 218, 64, "centre_108", "bilinear", "a86ec2f43684"},
    {178, 218, 64, "centre_140", "bilinear", "b1439f857f24"},
    {178, 218, 64, "centre_148", "bilinear", "a1ecaa25025a"},
    // clang-format on
};

TEST(Square, IsPillowsToTheBit) {
  for (const OfPillow& expected : kOfPillow) {
    const Square square{expected.size, expected.crop, expected.resize};
    check_square(square);
    EXPECT_EQ(hash_of(decode_square(patterned(expected.width, expected.height), square)),
              expected.sha256)
        << expected.width << "x" << expected.height << " " << square.crop << " " << square.resize
        << " to " << square.size;
  }
}

/// A grey picture whose pixel (row, col) is 10 row + col, and the red plane of its square.
std::vector<int> square_of_grid(int width, int height, const Square& square,
                                const View& view = {}) {
  cv::Mat picture(height, width, CV_8UC1);
  for (int row = 0; row < height; ++row) {
    for (int col = 0; col < width; ++col) {
      picture.at<uint8_t>(row, col) = static_cast<uint8_t>(10 * row + col);
    }
  }
  const torch::Tensor plane = decode_square(encode(picture, ".png"), square, view)[0].contiguous();
  return {plane.data_ptr<uint8_t>(), plane.data_ptr<uint8_t>() + plane.numel()};
}

TEST(Square, CentreLeavesTheOddRowAtTheBottomAndTopTakesTheUpperSquare) {
  EXPECT_THAT(square_of_grid(2, 5, {2, "centre"}), ElementsAre(10, 11, 20, 21));
  EXPECT_THAT(square_of_grid(2, 5, {2, "top"}), ElementsAre(0, 1, 10, 11));
  EXPECT_THAT(square_of_grid(5, 2, {2, "top"}), ElementsAre(1, 2, 11, 12));
}

TEST(Square, StretchTakesTheWholeImage) {  // 4x2: means of pairs, (0 + 1) / 2 rounds to even
  EXPECT_THAT(square_of_grid(4, 2, {2, "stretch"}), ElementsAre(0, 2, 10, 12));
}

TEST(Square, AViewIsAPartOfTheSquare) {  // 4x4, half of it: 2 left over, all of them at the right
  EXPECT_THAT(square_of_grid(4, 4, {2}, {0.5, 0.0, 1.0, false}), ElementsAre(2, 3, 12, 13));
  EXPECT_THAT(square_of_grid(4, 4, {2}, {0.5, 0.5, 0.0, false}), ElementsAre(10, 11, 20, 21));
  EXPECT_THAT(square_of_grid(4, 4, {2}, {0.5, 0.5, 0.0, true}), ElementsAre(11, 10, 21, 20));
}

TEST(Square, APartIsCutOutBeforeResizing) {  // 6x4: the square is columns 1 .. 4; no blur at all
  EXPECT_THAT(square_of_grid(6, 4, {2}, {0.5, 0.0, 0.0, false}), ElementsAre(1, 2, 11, 12));
}

TEST(Square, TheWholeViewIsThePlainSquare) {
  for (const auto& [crop, summary] : list_crops()) {
    const Square square{32, crop, "bicubic"};
    const Bytes bytes = patterned(178, 218);
    const torch::Tensor plain = decode_square(bytes, square);
    EXPECT_TRUE(torch::equal(decode_square(bytes, square, View{}), plain)) << crop;
    const View mirror{1.0, 0.3, 0.7, true};
    EXPECT_TRUE(torch::equal(mirrored(decode_square(bytes, square, mirror)), plain)) << crop;
    const View part{0.6, 0.5, 0.5, false};
    EXPECT_EQ(decode_square(bytes, square, part).sizes(), plain.sizes()) << crop;
    EXPECT_FALSE(torch::equal(decode_square(bytes, square, part), plain)) << crop;
  }
}

TEST(Square, UnknownNamesAreRefusedWithTheKnownOnes) {
  EXPECT_THAT(message_of<std::invalid_argument>([] {
                check_square({64, "center", "area"});
              }),
              HasSubstr("no crop is called \"center\".\n"));
  EXPECT_THAT(message_of<std::invalid_argument>([] {
                check_square({64, "centre", "bicubik"});
              }),
              HasSubstr("did you mean \"bicubic\"?"));
}

TEST(Square, AdmResizesByItself) {
  EXPECT_THAT(message_of<std::invalid_argument>([] {
                check_square({64, "adm", "area"});
              }),
              HasSubstr("the crop adm resizes bicubically by itself, but resize is \"area\""));
}

TEST(Square, ACropLargerThanTheImageIsRefused) {
  EXPECT_THAT(message_of<BrokenImage>([] {
                decode_square(patterned(150, 101), Square{64, "centre_108"});
              }),
              HasSubstr("150x101 pixels, too small for the crop centre_108"));
}

TEST(ViewOf, TakesThePartOfASquareAndResizesItBack) {  // 4x4 of constant quarters
  torch::Tensor square = torch::zeros({3, 4, 4}, torch::kUInt8);
  square.slice(1, 0, 2).slice(2, 2, 4).fill_(200);  // top right
  const torch::Tensor part = view_of(square, "area", {0.5, 0.0, 1.0, false});
  EXPECT_TRUE(torch::equal(part, torch::full({3, 4, 4}, 200, torch::kUInt8)));
  EXPECT_TRUE(torch::equal(view_of(square, "area", View{}), square));
  EXPECT_TRUE(torch::equal(mirrored(view_of(square, "area", {1.0, 0, 0, true})), square));
}

}  // namespace
}  // namespace oar
