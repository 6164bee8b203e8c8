#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <opencv2/core.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "datasets/image_file.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

Bytes from_hex(const std::string& digits) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(std::byte(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// Red, green and blue of every pixel, row by row.
Bytes interleaved(const torch::Tensor& image) {
  const torch::Tensor pixels = image.permute({1, 2, 0}).contiguous();
  const auto* values = reinterpret_cast<const std::byte*>(pixels.data_ptr<uint8_t>());
  return {values, values + pixels.numel()};
}

int first(const torch::Tensor& image, int channel) { return image[channel][0][0].item<uint8_t>(); }

TEST(DecodeImage, EveryKindOfPngIsAsPillowShowsIt) {  // tests/golden/make_png_golden.py
  std::ifstream golden(OAR_SOURCE_DIR "/tests/datasets/golden/png_colours.tsv");
  int kinds = 0;
  for (std::string line; std::getline(golden, line); ++kinds) {
    std::istringstream fields(line);
    std::string name, width, height, png, pixels;
    for (std::string* field : {&name, &width, &height, &png, &pixels}) {
      std::getline(fields, *field, '\t');
    }
    const torch::Tensor image = decode_image(from_hex(png));
    EXPECT_EQ(image.sizes(), (std::vector<int64_t>{3, std::stoi(height), std::stoi(width)}))
        << name;
    EXPECT_EQ(interleaved(image), from_hex(pixels)) << name;
  }
  EXPECT_EQ(kinds, 31);
}

TEST(DecodeImage, KeepsTheSizeAndTheOrderRedGreenBlue) {
  const auto image = decode_image(encode(cv::Mat(9, 30, CV_8UC3, {30, 20, 10}), ".png"));  // BGR
  EXPECT_EQ(image.sizes(), (std::vector<int64_t>{3, 9, 30}));
  for (int c = 0; c < 3; ++c) EXPECT_EQ(first(image, c), 10 * (c + 1));
}

TEST(DecodeImage, TransparencyIsDroppedNotLaidOverWhite) {
  const auto image = decode_image(encode(cv::Mat(8, 8, CV_8UC4, {100, 50, 7, 0}), ".png"));
  for (const auto& [channel, value] : {std::pair{0, 7}, {1, 50}, {2, 100}}) {
    EXPECT_EQ(first(image, channel), value);
  }
}

TEST(DecodeImage, SixteenBitsGiveTheirHighByte) {  // 511 = 0x01FF; rounding would make it 2
  for (const int type : {CV_16UC1, CV_16UC3}) {
    EXPECT_EQ(first(decode_image(encode(cv::Mat(8, 8, type, cv::Scalar::all(511)), ".png")), 0), 1);
  }
}

TEST(DecodeImage, AJpegIsDecodedAsForADataset) {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    const Bytes jpeg = encode(cv::Mat(16, 16, type, cv::Scalar(200, 90, 30)), ".jpg");
    EXPECT_TRUE(torch::equal(decode_image(jpeg), decode_square(jpeg, 16)));
  }
}

TEST(DecodeImage, RefusesWhatDoesNotDecode) {
  EXPECT_EQ(message_of<BrokenImage>([] { decode_image(Bytes(100)); }),
            "neither JPEG nor PNG but something else");
  EXPECT_EQ(message_of<BrokenImage>([] { decode_image({}); }), "empty file (0 bytes)");
}

TEST(DecodeWholeImage, IsCheckImageAndThenDecodeImage) {
  for (const char* extension : {".png", ".jpg"}) {
    Bytes bytes = encode(make_picture(64, 48), extension);
    EXPECT_TRUE(torch::equal(decode_whole_image(bytes), decode_image(bytes))) << extension;
    bytes.resize(bytes.size() / 2);
    const std::string reason = message_of<BrokenImage>([&] { check_image(bytes); });
    EXPECT_NE(reason, "");
    EXPECT_EQ(message_of<BrokenImage>([&] { decode_whole_image(bytes); }), reason);
  }
  EXPECT_EQ(message_of<BrokenImage>([] { decode_whole_image({}); }), "empty file (0 bytes)");
}

TEST(PlanesOf, PutsEachChannelIntoAPlane) {  // two rows of three pixels
  const std::vector<uint8_t> pixels = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                                       10, 11, 12, 13, 14, 15, 16, 17, 18};
  const torch::Tensor planes = planes_of(pixels.data(), 2, 3);
  EXPECT_EQ(planes.sizes(), (std::vector<int64_t>{3, 2, 3}));
  const auto* values = planes.data_ptr<uint8_t>();
  EXPECT_EQ((std::vector<int>(values, values + 18)),
            (std::vector<int>{1, 4, 7, 10, 13, 16, 2, 5, 8, 11, 14, 17, 3, 6, 9, 12, 15, 18}));
}

}  // namespace
}  // namespace oar
