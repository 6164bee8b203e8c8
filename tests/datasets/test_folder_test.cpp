#include "tests/datasets/test_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>

namespace oar {

cv::Mat make_picture(int width, int height, int variant) {
  cv::Mat picture(height, width, CV_8UC3);
  for (int row = 0; row < height; ++row) {
    for (int col = 0; col < width; ++col) {
      picture.at<cv::Vec3b>(row, col) = {static_cast<uint8_t>(40 * variant + 7 * row),
                                         static_cast<uint8_t>(90 + 11 * col - 3 * variant),
                                         static_cast<uint8_t>((row * col * 5 + variant) % 256)};
    }
  }
  return picture;
}

Bytes encode(const cv::Mat& picture, const std::string& extension) {
  std::vector<uint8_t> encoded;
  cv::imencode(extension, picture, encoded);
  const auto bytes = std::as_bytes(std::span(encoded));
  return {bytes.begin(), bytes.end()};
}

size_t find_bytes(const Bytes& bytes, std::string_view part) {
  const auto wanted = std::as_bytes(std::span(part));
  const auto at = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
  if (at == bytes.end()) throw std::logic_error("the bytes to damage are not there");
  return at - bytes.begin();
}

Bytes make_png_chunk(const std::string& type, const Bytes& data) {
  const auto push = [](Bytes& bytes, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(std::byte(value >> shift & 255));
  };
  Bytes chunk;
  push(chunk, static_cast<uint32_t>(data.size()));
  for (const char letter : type) chunk.push_back(std::byte(letter));
  chunk.insert(chunk.end(), data.begin(), data.end());
  uint32_t crc = 0xFFFFFFFFU;  // bit by bit, as in annex D of the PNG specification
  for (size_t i = 4; i < chunk.size(); ++i) {
    crc ^= std::to_integer<uint32_t>(chunk[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? 0xEDB88320U ^ (crc >> 1) : crc >> 1;
  }
  push(chunk, ~crc);
  return chunk;
}

TestFolder::TestFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "oar-datasets-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TestFolder::write(const std::string& file, std::span<const std::byte> bytes) const {
  std::filesystem::create_directories((path_ / file).parent_path());
  std::ofstream(path_ / file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

void TestFolder::write(const std::string& file, std::string_view text) const {
  write(file, std::as_bytes(std::span(text)));
}

void TestFolder::write_picture(const std::string& file, int variant) const {
  std::string extension = std::filesystem::path(file).extension().string();
  write(file, encode(make_picture(20, 16, variant), extension));
}

namespace {

TEST(TestFolder, IsGoneAfterTheTest) {
  std::filesystem::path path;
  {
    const TestFolder folder;
    path = folder.path();
    folder.write("sub/a.txt", "text");
    EXPECT_TRUE(std::filesystem::exists(path / "sub/a.txt"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace oar
