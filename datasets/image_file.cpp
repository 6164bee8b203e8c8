#include "datasets/image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <system_error>

#include "datasets/png_chunks.h"

namespace oar {
namespace {

/// Pixels as stored: 8 or 16 bits; 1, 3 (BGR) or 4 (BGRA) channels.
cv::Mat decode(std::span<const std::byte> bytes) {
  static std::once_flag once;  // what goes wrong is said by exceptions, not on the terminal
  std::call_once(once,
                 [] { cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT); });

  std::vector<std::byte> stripped;
  if (!bytes.empty() && bytes[0] == std::byte{0x89}) {
    stripped = without_side_chunks(bytes);
    bytes = stripped;
  }
  cv::Mat pixels;
  try {
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8U,
                         const_cast<std::byte*>(bytes.data()));
    pixels = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw BrokenImage(fmt::format("OpenCV cannot decode it: {}", error.err));
  }
  if (pixels.empty()) throw BrokenImage("OpenCV cannot decode it");
  return pixels;
}

/// Lays BGRA over white: c·α + 255·(1 − α), rounded to the nearest value.
cv::Mat over_white(const cv::Mat& bgra) {
  cv::Mat bgr(bgra.size(), CV_8UC3);
  for (int row = 0; row < bgra.rows; ++row) {
    const auto* from = bgra.ptr<cv::Vec4b>(row);
    auto* to = bgr.ptr<cv::Vec3b>(row);
    for (int col = 0; col < bgra.cols; ++col) {
      const int alpha = from[col][3];
      for (int c = 0; c < 3; ++c) {
        to[col][c] = static_cast<uint8_t>((from[col][c] * alpha + 255 * (255 - alpha) + 127) / 255);
      }
    }
  }
  return bgr;
}

cv::Mat as_rgb8(cv::Mat pixels) {
  if (pixels.depth() == CV_16U) pixels.convertTo(pixels, CV_8U, 1.0 / 257.0);
  if (pixels.depth() != CV_8U) throw BrokenImage("neither 8 nor 16 bits per channel");
  if (pixels.channels() == 4) pixels = over_white(pixels);
  cv::Mat rgb;
  if (pixels.channels() == 1) {
    cv::cvtColor(pixels, rgb, cv::COLOR_GRAY2RGB);
  } else if (pixels.channels() == 3) {
    cv::cvtColor(pixels, rgb, cv::COLOR_BGR2RGB);
  } else {
    throw BrokenImage(fmt::format("{} channels; 1, 3 and 4 are read", pixels.channels()));
  }
  return rgb;
}

cv::Mat centre_square(const cv::Mat& pixels, int image_size) {
  const int side = std::min(pixels.cols, pixels.rows);
  const cv::Mat square =
      pixels(cv::Rect((pixels.cols - side) / 2, (pixels.rows - side) / 2, side, side));
  if (side == image_size) return square;
  cv::Mat resized;
  cv::resize(square, resized, cv::Size(image_size, image_size), 0, 0,
             side > image_size ? cv::INTER_AREA : cv::INTER_CUBIC);
  return resized;
}

}  // namespace

std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  const auto fail = [&path](const char* what) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("cannot {} \"{}\"", what, path.string()));
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) fail("open");
  std::vector<std::byte> bytes;
  size_t size = 0;
  do {
    bytes.resize(std::max<size_t>(size * 2, 1 << 16));
    size += std::fread(bytes.data() + size, 1, bytes.size() - size, file.get());
  } while (size == bytes.size());
  if (std::ferror(file.get())) fail("read");
  bytes.resize(size);
  return bytes;
}

torch::Tensor decode_square(std::span<const std::byte> bytes, int64_t image_size) {
  const cv::Mat square = centre_square(as_rgb8(decode(bytes)), static_cast<int>(image_size));
  torch::Tensor image = torch::empty({3, image_size, image_size}, torch::kUInt8);
  auto* planes = image.data_ptr<uint8_t>();
  const int64_t plane = image_size * image_size;
  for (int64_t row = 0; row < image_size; ++row) {
    const auto* from = square.ptr<cv::Vec3b>(static_cast<int>(row));
    for (int64_t col = 0; col < image_size; ++col) {
      for (int c = 0; c < 3; ++c) planes[c * plane + row * image_size + col] = from[col][c];
    }
  }
  return image;
}

}  // namespace oar
