#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

using Bytes = std::vector<std::byte>;

/// A picture with detail everywhere, so that no two `variant`s are alike: 8-bit BGR.
cv::Mat make_picture(int width, int height, int variant = 0);

/// A picture as the bytes of a file; `extension` is ".png" or ".jpg".
Bytes encode(const cv::Mat& picture, const std::string& extension);

/// The positions of `part` in `bytes`; a test that damages a file aims with it.
size_t find_bytes(const Bytes& bytes, std::string_view part);

/// A PNG chunk with its length and checksum.
Bytes make_png_chunk(const std::string& type, const Bytes& data);

/// A folder of its own below the system's temporary one, removed at the end of the test.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void write(const std::string& file, std::span<const std::byte> bytes) const;
  void write(const std::string& file, std::string_view text) const;
  void write_picture(const std::string& file, int variant = 0) const;  ///< 20x16 by extension

 private:
  std::filesystem::path path_;
};

/// What `make` throws, as text; empty if it throws nothing or something that is no `Error`.
template <typename Error, typename Make>
std::string message_of(const Make& make) {
  try {
    make();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace oar
