#include "datasets/square.h"

#include <ATen/ops/flip.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <vector>

#include "datasets/decoded_image.h"
#include "datasets/image_file.h"
#include "datasets/nearest_name.h"
#include "datasets/pillow_resize.h"

namespace oar {
namespace {

void check_name(const char* setting, const std::string& name,
                const std::vector<NameAndSummary>& list) {
  std::vector<std::string> known;
  for (const auto& [listed, summary] : list) known.push_back(listed);
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  throw std::invalid_argument(
      fmt::format("no {} is called \"{}\".\n{}", setting, name, known_names(name, known)));
}

cv::Rect centred(const cv::Mat& pixels, int side) {
  return {(pixels.cols - side) / 2, (pixels.rows - side) / 2, side, side};
}

/// The crop's part of an image. Not always a square: `stretch` makes it one by resizing.
cv::Rect crop_of(const cv::Mat& pixels, const std::string& crop) {
  const int shorter = std::min(pixels.cols, pixels.rows);
  if (crop == "stretch") return {0, 0, pixels.cols, pixels.rows};
  if (crop == "top") return {(pixels.cols - shorter) / 2, 0, shorter, shorter};
  const auto needed = static_cast<int>(smallest_side(crop));
  if (needed == 1) return centred(pixels, shorter);  // centre, adm
  if (needed > shorter) {
    throw BrokenImage(
        fmt::format("{}x{} pixels, too small for the crop {}", pixels.cols, pixels.rows, crop));
  }
  return centred(pixels, needed);
}

cv::Rect part_of(const cv::Size& whole, const View& view) {
  const auto length = [&view](int pixels) {
    return std::clamp(static_cast<int>(std::lround(view.side * pixels)), 1, pixels);
  };
  const auto begin = [](double share, int left_over) {
    return std::clamp(static_cast<int>(std::lround(share * left_over)), 0, left_over);
  };
  const int width = length(whole.width), height = length(whole.height);
  return {begin(view.left, whole.width - width), begin(view.top, whole.height - height), width,
          height};
}

cv::Mat resized_by_area(const cv::Mat& pixels, int side) {
  if (pixels.cols == side && pixels.rows == side) return pixels;
  const bool shrinks = pixels.cols >= side && pixels.rows >= side;
  cv::Mat resized;
  cv::resize(pixels, resized, cv::Size(side, side), 0, 0,
             shrinks ? cv::INTER_AREA : cv::INTER_CUBIC);
  return resized;
}

cv::Mat resized(const cv::Mat& pixels, int side, const std::string& resize) {
  if (resize == "area") return resized_by_area(pixels, side);
  const PillowFilter filter = resize == "bilinear"  ? PillowFilter::kBilinear
                              : resize == "bicubic" ? PillowFilter::kBicubic
                                                    : PillowFilter::kLanczos;
  return pillow_resize(pixels, {side, side}, filter);
}

/// ADM's center_crop_arr: halve while the result is no smaller than asked for, then bicubic, then
/// the centre. Python rounds halves to even, as nearbyint() does.
cv::Mat adm_square(cv::Mat pixels, int side) {
  while (std::min(pixels.cols, pixels.rows) >= 2 * side) {
    pixels = pillow_resize(pixels, {pixels.cols / 2, pixels.rows / 2}, PillowFilter::kBox);
  }
  const double scale = static_cast<double>(side) / std::min(pixels.cols, pixels.rows);
  const auto scaled = [scale](int length) {
    return static_cast<int>(std::nearbyint(length * scale));
  };
  if (int64_t{scaled(pixels.cols)} * scaled(pixels.rows) > kMaxImagePixels) {
    throw BrokenImage(
        fmt::format("too long a strip to be enlarged to {} pixels on its short side", side));
  }
  pixels =
      pillow_resize(pixels, {scaled(pixels.cols), scaled(pixels.rows)}, PillowFilter::kBicubic);
  return pixels(centred(pixels, side));
}

bool is_whole(const View& view) { return view.side >= 1.0; }

}  // namespace

std::vector<NameAndSummary> list_crops() {
  return {{"centre", "the largest centred square"},
          {"centre_108", "the centred 108x108 pixels, as DCGAN cuts CelebA's aligned 178x218"},
          {"centre_140", "the centred 140x140 pixels, as diffusion models cut aligned CelebA"},
          {"centre_148", "the centred 148x148 pixels, as VAEs cut aligned CelebA"},
          {"top", "the largest square at the top: portraits of people"},
          {"stretch", "the whole image, its sides made equal"},
          {"adm", "as ADM and DiT cut ImageNet: halved while twice as large, bicubic, the centre"}};
}

std::vector<NameAndSummary> list_resizes() {
  return {{"area", "OpenCV's INTER_AREA when shrinking, INTER_CUBIC when enlarging"},
          {"bilinear", "Pillow's BILINEAR"},
          {"bicubic", "Pillow's BICUBIC"},
          {"lanczos", "Pillow's LANCZOS"}};
}

void check_square(const Square& square) {
  check_name("crop", square.crop, list_crops());
  check_name("resize", square.resize, list_resizes());
  if (square.crop == "adm" && square.resize != "bicubic") {
    throw std::invalid_argument(fmt::format(
        "the crop adm resizes bicubically by itself, but resize is \"{}\"; set it to bicubic",
        square.resize));
  }
}

int64_t smallest_side(const std::string& crop) {
  constexpr std::string_view kPrefix = "centre_";
  return crop.starts_with(kPrefix) ? std::stoll(crop.substr(kPrefix.size())) : 1;
}

torch::Tensor decode_square(std::span<const std::byte> bytes, const Square& square,
                            const View& view) {
  const cv::Mat pixels = decode_bgr(bytes);
  const auto side = static_cast<int>(square.size);
  const cv::Mat cut = pixels(crop_of(pixels, square.crop));
  const cv::Mat part = cut(part_of(cut.size(), view));
  const cv::Mat made = square.crop == "adm" ? adm_square(is_whole(view) ? pixels : part, side)
                                            : resized(part, side, square.resize);
  const torch::Tensor image = rgb_planes(made);
  return view.mirrored ? mirrored(image) : image;
}

torch::Tensor decode_square(std::span<const std::byte> bytes, int64_t image_size) {
  return decode_square(bytes, Square{image_size});
}

torch::Tensor view_of(const torch::Tensor& square, const std::string& resize, const View& view) {
  torch::Tensor image = square;
  if (!is_whole(view)) {
    const auto side = static_cast<int>(square.size(2));
    const torch::Tensor pixels = square.permute({1, 2, 0}).contiguous();  // [S, S, 3]
    const cv::Mat whole(side, side, CV_8UC3, pixels.data_ptr<uint8_t>());
    const cv::Mat part = resized(whole(part_of(whole.size(), view)), side, resize).clone();
    image = planes_of(part.ptr<uint8_t>(), side, side);
  }
  return view.mirrored ? mirrored(image) : image;
}

torch::Tensor mirrored(const torch::Tensor& images) { return at::flip(images, {-1}); }

}  // namespace oar
