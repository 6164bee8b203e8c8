#include "datasets/image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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

#include "datasets/decoded_image.h"
#include "datasets/png_chunks.h"

namespace oar {
namespace {

bool is_png(std::span<const std::byte> bytes) {
  return !bytes.empty() && bytes[0] == std::byte{0x89};
}

/// Pixels as stored: 8 or 16 bits; 1, 3 (BGR) or 4 (BGRA) channels.
cv::Mat decode(std::span<const std::byte> bytes) {
  static std::once_flag once;  // what goes wrong is said by exceptions, not on the terminal
  std::call_once(once,
                 [] { cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT); });

  refuse_bomb(stated_size(bytes));
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

/// The high byte of every 16-bit value.
cv::Mat high_bytes(const cv::Mat& values) {
  cv::Mat bytes(values.size(), CV_MAKETYPE(CV_8U, values.channels()));
  const int count = values.cols * values.channels();
  for (int row = 0; row < values.rows; ++row) {
    const auto* from = values.ptr<uint16_t>(row);
    auto* to = bytes.ptr<uint8_t>(row);
    for (int i = 0; i < count; ++i) to[i] = static_cast<uint8_t>(from[i] >> 8);
  }
  return bytes;
}

void check_layout(const cv::Mat& pixels) {
  if (pixels.depth() != CV_8U && pixels.depth() != CV_16U) {
    throw BrokenImage("neither 8 nor 16 bits per channel");
  }
  const int channels = pixels.channels();
  if (channels != 1 && channels != 3 && channels != 4) {
    throw BrokenImage(fmt::format("{} channels; 1, 3 and 4 are read", channels));
  }
}

/// Three channels, or four whose last is dropped, as planes. Channel c becomes plane place[c].
torch::Tensor split_channels(const cv::Mat& pixels, const std::array<int, 3>& place) {
  torch::Tensor image = torch::empty({3, pixels.rows, pixels.cols}, torch::kUInt8);
  auto* data = image.data_ptr<uint8_t>();
  std::vector<cv::Mat> planes;
  for (const int plane : place) {
    planes.emplace_back(pixels.rows, pixels.cols, CV_8U, data + plane * pixels.total());
  }
  if (pixels.channels() == 4) planes.emplace_back(pixels.rows, pixels.cols, CV_8U);
  cv::split(pixels, planes.data());  // with the processor's vector instructions
  return image;
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

cv::Mat decode_bgr(std::span<const std::byte> bytes) {
  cv::Mat pixels = decode(is_png(bytes) ? without_side_chunks(bytes) : bytes);
  check_layout(pixels);
  if (pixels.depth() == CV_16U) pixels.convertTo(pixels, CV_8U, 1.0 / 257.0);
  if (pixels.channels() == 4) pixels = over_white(pixels);
  if (pixels.channels() == 1) cv::cvtColor(pixels, pixels, cv::COLOR_GRAY2BGR);
  return pixels;
}

torch::Tensor rgb_planes(const cv::Mat& pixels) {
  if (pixels.channels() != 1) return split_channels(pixels, {2, 1, 0});
  cv::Mat bgr;
  cv::cvtColor(pixels, bgr, cv::COLOR_GRAY2BGR);
  return split_channels(bgr, {2, 1, 0});
}

torch::Tensor decode_image(std::span<const std::byte> bytes) {
  cv::Mat pixels = decode(is_png(bytes) ? without_transparency(bytes) : bytes);
  check_layout(pixels);
  return rgb_planes(pixels.depth() == CV_16U ? high_bytes(pixels) : pixels);
}

torch::Tensor planes_of(const uint8_t* interleaved, int64_t height, int64_t width) {
  const cv::Mat pixels(static_cast<int>(height), static_cast<int>(width), CV_8UC3,
                       const_cast<uint8_t*>(interleaved));
  return split_channels(pixels, {0, 1, 2});
}

}  // namespace oar
