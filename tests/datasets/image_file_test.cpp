#include "datasets/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <opencv2/core.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Values of one channel (0 red, 1 green, 2 blue) of an image [3, S, S], row by row.
std::vector<int> channel(const torch::Tensor& image, int64_t number) {
  const torch::Tensor flat = image[number].contiguous();
  const auto* values = flat.data_ptr<uint8_t>();
  return {values, values + flat.numel()};
}

cv::Mat filled(int type, const cv::Scalar& value, int side = 8) {
  return {side, side, type, value};
}

std::string reason(const Bytes& bytes) {
  return message_of<BrokenImage>([&] { check_image(bytes); });
}

TEST(DecodeSquare, AveragesAreasWhenShrinking) {  // blue from 4x4 to 2x2: the mean of each quarter
  cv::Mat picture(4, 4, CV_8UC3, cv::Scalar(0, 0, 0));
  const uint8_t blue[4][4] = {{10, 20, 0, 0},    //
                              {30, 40, 0, 100},  //
                              {1, 1, 200, 220},  //
                              {1, 5, 210, 250}};
  for (int row = 0; row < 4; ++row) {
    for (int col = 0; col < 4; ++col) picture.at<cv::Vec3b>(row, col)[0] = blue[row][col];
  }
  const torch::Tensor image = decode_square(encode(picture, ".png"), 2);
  EXPECT_EQ(image.sizes(), (std::vector<int64_t>{3, 2, 2}));
  EXPECT_THAT(channel(image, 2), ElementsAre(25, 25, 2, 220));
  EXPECT_THAT(channel(image, 0), ElementsAre(0, 0, 0, 0));
}

TEST(DecodeSquare, CutsTheCentreOutOfAWideImage) {  // columns 0 .. 5, the middle four are 1 .. 4
  cv::Mat picture(4, 6, CV_8UC1);
  for (int col = 0; col < 6; ++col) picture.col(col).setTo(col * 10);
  EXPECT_THAT(channel(decode_square(encode(picture, ".png"), 4), 0),
              ElementsAre(10, 20, 30, 40, 10, 20, 30, 40, 10, 20, 30, 40, 10, 20, 30, 40));
}

TEST(DecodeSquare, CutsTheCentreOutOfATallImageOddRowAtTheBottom) {  // rows 0 .. 4: 1 and 2 remain
  cv::Mat picture(5, 2, CV_8UC1);
  for (int row = 0; row < 5; ++row) picture.row(row).setTo(row * 10);
  EXPECT_THAT(channel(decode_square(encode(picture, ".png"), 2), 0), ElementsAre(10, 10, 20, 20));
}

TEST(DecodeSquare, EnlargesSmoothly) {  // bicubic of a step: rises from left to right, ends kept
  cv::Mat picture(2, 2, CV_8UC1, cv::Scalar(50));
  picture.col(1).setTo(150);
  const std::vector<int> row = channel(decode_square(encode(picture, ".png"), 4), 0);
  EXPECT_LT(row[0], row[1]);
  EXPECT_LT(row[1], row[2]);
  EXPECT_LT(row[2], row[3]);
  EXPECT_EQ(row[0] + row[3], 200);  // symmetric about the mean
}

TEST(DecodeSquare, KeepsTheOrderRedGreenBlue) {
  const auto image = decode_square(encode(filled(CV_8UC3, {30, 20, 10}), ".png"), 1);  // BGR
  EXPECT_EQ(channel(image, 0)[0], 10);
  EXPECT_EQ(channel(image, 1)[0], 20);
  EXPECT_EQ(channel(image, 2)[0], 30);
}

TEST(DecodeSquare, GreyBecomesThreeEqualChannels) {
  for (const char* extension : {".png", ".jpg"}) {
    const auto image = decode_square(encode(filled(CV_8UC1, 77), extension), 1);
    for (int c = 0; c < 3; ++c) EXPECT_EQ(channel(image, c)[0], 77) << extension;
  }
}

TEST(DecodeSquare, TransparencyIsLaidOverWhite) {  // 100 at alpha 51 = 0.2: 0.2*100 + 0.8*255 = 224
  const auto image = decode_square(encode(filled(CV_8UC4, {100, 0, 255, 51}), ".png"), 1);
  EXPECT_EQ(channel(image, 2)[0], 224);
  EXPECT_EQ(channel(image, 1)[0], 204);
  EXPECT_EQ(channel(image, 0)[0], 255);
}

TEST(DecodeSquare, SixteenBitsAreDividedBy257) {  // 65535 -> 255, 257*100 -> 100, 200 -> 1 (0.78)
  const auto image = decode_square(encode(filled(CV_16UC3, {200, 25700, 65535}), ".png"), 1);
  EXPECT_EQ(channel(image, 0)[0], 255);
  EXPECT_EQ(channel(image, 1)[0], 100);
  EXPECT_EQ(channel(image, 2)[0], 1);
}

TEST(DecodeSquare, SixteenBitGreyAndRgbaComeOutRgbToo) {
  const auto grey = decode_square(encode(filled(CV_16UC1, 25700), ".png"), 1);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(channel(grey, c)[0], 100);
  const auto clear = decode_square(encode(filled(CV_16UC4, {0, 0, 0, 0}), ".png"), 1);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(channel(clear, c)[0], 255);
}

/// An 8x8 PNG of one palette entry: red, as transparent as `alpha` says.
Bytes make_palette_png(uint8_t alpha) {
  const auto bytes_of = [](std::initializer_list<int> values) {
    Bytes bytes;
    for (const int value : values) bytes.push_back(std::byte(value));
    return bytes;
  };
  Bytes pixels = bytes_of({0x78, 1, 1, 72, 0, 0xFF - 72, 0xFF});  // zlib, one stored block of 72
  pixels.resize(pixels.size() + 72);  // 8 rows: filter 0, 8 times entry 0
  for (const int byte : {0, 72, 0, 1}) pixels.push_back(std::byte(byte));  // Adler-32 of 72 zeros
  Bytes png = bytes_of({0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
  for (const Bytes& chunk :
       {make_png_chunk("IHDR", bytes_of({0, 0, 0, 8, 0, 0, 0, 8, 8, 3, 0, 0, 0})),
        make_png_chunk("PLTE", bytes_of({255, 0, 0})), make_png_chunk("tRNS", bytes_of({alpha})),
        make_png_chunk("IDAT", pixels), make_png_chunk("IEND", {})}) {
    png.insert(png.end(), chunk.begin(), chunk.end());
  }
  return png;
}

TEST(DecodeSquare, PaletteEntriesAreColoursAndMayBeTransparent) {  // 255 - 51 = 204 of white
  for (const auto& [alpha, green] : {std::pair{255, 0}, std::pair{51, 204}, std::pair{0, 255}}) {
    const Bytes png = make_palette_png(static_cast<uint8_t>(alpha));
    EXPECT_EQ(reason(png), "");
    const auto image = decode_square(png, 8);
    EXPECT_EQ(channel(image, 0)[0], 255) << alpha;
    EXPECT_EQ(channel(image, 1)[0], green) << alpha;
  }
}

TEST(DecodeSquare, ExifOrientationIsIgnored) {
  const Bytes upright = encode(make_picture(16, 16), ".jpg");
  const std::string_view exif(  // APP1, little-endian TIFF with one entry: orientation 6 (turned)
      "\xFF\xE1\x00\x22"
      "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
      36);
  Bytes turned = upright;
  const auto tag = std::as_bytes(std::span(exif));
  turned.insert(turned.begin() + 2, tag.begin(), tag.end());
  EXPECT_EQ(reason(turned), "");
  EXPECT_TRUE(torch::equal(decode_square(turned, 16), decode_square(upright, 16)));
}

TEST(CheckImage, GivesTheSizeOfWholeImages) {
  for (const char* extension : {".png", ".jpg"}) {
    const ImageSize size = check_image(encode(make_picture(33, 17), extension));
    EXPECT_EQ(size.width, 33) << extension;
    EXPECT_EQ(size.height, 17) << extension;
  }
}

TEST(CheckImage, RefusesWhatIsNoImage) {
  const auto bytes = [](std::string_view text) {
    const auto view = std::as_bytes(std::span(text));
    return Bytes(view.begin(), view.end());
  };
  EXPECT_EQ(reason({}), "empty file (0 bytes)");
  EXPECT_EQ(reason(bytes("<html>404</html>")), "neither JPEG nor PNG but a web page or XML text");
  EXPECT_EQ(reason(bytes("RIFF1234WEBPVP8 ")), "neither JPEG nor PNG but a WebP image");
  EXPECT_EQ(reason(bytes("GIF89a")), "neither JPEG nor PNG but a GIF");
  EXPECT_EQ(reason(bytes("BM1234")), "neither JPEG nor PNG but a BMP image");
  EXPECT_EQ(reason(bytes("II*1234")), "neither JPEG nor PNG but a TIFF image");
  EXPECT_EQ(reason(bytes("1234ftypavif")), "neither JPEG nor PNG but an AVIF or HEIC image");
  EXPECT_EQ(reason(bytes("hello")), "neither JPEG nor PNG but something else");
}

TEST(CheckImage, RefusesAJpegCutOffAnywhere) {  // OpenCV would fill the rest with grey
  const Bytes whole = encode(make_picture(64, 64), ".jpg");
  for (const double share : {0.9, 0.7, 0.5}) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<int64_t>(share * whole.size()));
    EXPECT_THAT(reason(part), HasSubstr("broken JPEG: ")) << share;
  }
  const Bytes without_end_marker(whole.begin(), whole.end() - 2);
  EXPECT_EQ(reason(without_end_marker), "broken JPEG: Premature end of JPEG file");
}

TEST(CheckImage, RefusesAJpegWithAHoleInIt) {
  Bytes bytes = encode(make_picture(64, 64), ".jpg");
  std::fill(bytes.end() - 600, bytes.end() - 100, std::byte{0xFF});
  EXPECT_THAT(reason(bytes), HasSubstr("broken JPEG: Corrupt JPEG data"));
}

TEST(CheckImage, RefusesADamagedPng) {
  const Bytes whole = encode(make_picture(64, 64), ".png");
  const Bytes half(whole.begin(), whole.begin() + whole.size() / 2);
  EXPECT_EQ(reason(half), "broken PNG: cut off before its end (no IEND chunk)");
  Bytes flipped = whole;
  flipped[find_bytes(whole, "IDAT") + 40] ^= std::byte{1};
  EXPECT_EQ(reason(flipped), "broken PNG: wrong checksum in chunk IDAT");
  Bytes text_mode = whole;  // line ends changed by a transfer in text mode
  text_mode.erase(text_mode.begin() + 4);
  EXPECT_EQ(reason(text_mode), "broken PNG: damaged signature");
  const Bytes signature(whole.begin(), whole.begin() + 8);
  EXPECT_EQ(reason(signature), "broken PNG: no header (IHDR chunk)");
  Bytes renamed = whole;
  renamed[find_bytes(whole, "IDAT")] = std::byte{0};
  EXPECT_EQ(reason(renamed), "broken PNG: no chunk where one should start");
}

TEST(CheckImage, RefusesAPngThatHoldsNoPixels) {
  Bytes bytes = encode(make_picture(16, 16), ".png");
  bytes.resize(find_bytes(bytes, "IDAT") - 4);
  Bytes foreign = bytes;
  for (const std::byte byte : make_png_chunk("IEND", {})) bytes.push_back(byte);
  EXPECT_EQ(reason(bytes), "broken PNG: it holds no pixels (no IDAT chunk)");
  for (const std::byte byte : make_png_chunk("CgBI", {})) foreign.push_back(byte);
  EXPECT_EQ(reason(foreign), "not a standard PNG: unknown chunk CgBI");
}

TEST(CheckImage, RefusesAPngWhosePixelsDoNotUnpack) {  // checksums right, content not
  Bytes bytes = encode(make_picture(16, 16), ".png");
  bytes.resize(find_bytes(bytes, "IDAT") - 4);
  for (const std::byte byte : make_png_chunk("IDAT", Bytes(50, std::byte{7})))
    bytes.push_back(byte);
  for (const std::byte byte : make_png_chunk("IEND", {})) bytes.push_back(byte);
  EXPECT_EQ(reason(bytes), "OpenCV cannot decode it");
}

TEST(CheckImage, RefusesAbsurdSizesBeforeDecoding) {
  EXPECT_EQ(reason(encode(make_picture(7, 90), ".png")), "7x90 pixels; at least 8x8 are needed");
  EXPECT_EQ(reason(encode(make_picture(90, 3), ".jpg")), "90x3 pixels; at least 8x8 are needed");
  Bytes jpeg = encode(make_picture(16, 16), ".jpg");
  const size_t frame = find_bytes(jpeg, "\xFF\xC0");  // height and width follow 5 bytes on
  for (size_t i = 5; i < 9; ++i) jpeg[frame + i] = std::byte{0x7F};
  EXPECT_EQ(reason(jpeg), "32639x32639 pixels; at most 100 million are read");
}

/// Headers that promise 3.6 billion pixels, with sound checksums and hardly anything behind them.
Bytes jpeg_bomb() {
  Bytes jpeg = encode(make_picture(16, 16), ".jpg");
  const size_t frame = find_bytes(jpeg, "\xFF\xC0");
  for (const size_t at : {frame + 5, frame + 7}) {
    jpeg[at] = std::byte{0xEA};  // 0xEA60 = 60000
    jpeg[at + 1] = std::byte{0x60};
  }
  return jpeg;
}

Bytes png_bomb() {
  Bytes png = encode(make_picture(16, 16), ".png");
  Bytes header(png.begin() + 16, png.begin() + 29);
  for (const size_t at : {0, 4}) {
    header[at + 2] = std::byte{0xEA};
    header[at + 3] = std::byte{0x60};
  }
  const Bytes chunk = make_png_chunk("IHDR", header);
  std::copy(chunk.begin(), chunk.end(), png.begin() + 8);
  return png;
}

TEST(CheckImage, ABombIsRefusedByItsHeaderWhereverItIsDecoded) {  // 10.8 GB of pixels each
  const std::string refusal = "60000x60000 pixels; at most 100 million are read";
  for (const Bytes& bomb : {jpeg_bomb(), png_bomb()}) {
    EXPECT_EQ(reason(bomb), refusal);
    EXPECT_EQ(stated_size(bomb).width, 60000);
    EXPECT_EQ(message_of<BrokenImage>([&] { decode_square(bomb, 64); }), refusal);
    EXPECT_EQ(message_of<BrokenImage>([&] { decode_image(bomb); }), refusal);
    EXPECT_EQ(message_of<BrokenImage>([&] { decode_whole_image(bomb); }), refusal);
  }
}

TEST(CheckImage, SideChunksOfAPngNeitherChangePixelsNorPrintWarnings) {
  const Bytes plain = encode(make_picture(16, 16), ".png");
  Bytes bytes = plain;
  const Bytes profile = make_png_chunk("iCCP", Bytes(40, std::byte{'x'}));  // libpng would warn
  bytes.insert(bytes.begin() + 33, profile.begin(), profile.end());
  testing::internal::CaptureStderr();
  EXPECT_EQ(reason(bytes), "");
  EXPECT_TRUE(torch::equal(decode_square(bytes, 16), decode_square(plain, 16)));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(CheckImage, BrokenJpegsPrintNothing) {
  Bytes bytes = encode(make_picture(64, 64), ".jpg");
  bytes.resize(bytes.size() * 3 / 4);
  testing::internal::CaptureStderr();
  EXPECT_NE(reason(bytes), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ReadBytes, GivesTheWholeFileOrSaysWhyNot) {
  const TestFolder folder;
  const std::string text(200'000, 'a');  // more than the first piece that is read
  folder.write("long.txt", text);
  const Bytes bytes = read_bytes(folder.path() / "long.txt");
  ASSERT_EQ(bytes.size(), text.size());
  EXPECT_EQ(std::memcmp(bytes.data(), text.data(), text.size()), 0);
  EXPECT_THAT(message_of<std::system_error>([&] { read_bytes(folder.path() / "none.jpg"); }),
              HasSubstr("none.jpg\": No such file or directory"));
}

}  // namespace
}  // namespace oar
