#include "harness/edit/canvas.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "datasets/dataset.h"
#include "datasets/png_chunks.h"
#include "datasets/sha256.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr int kWhite = 128;      // grey levels from here up are white
constexpr int64_t kBicubic = 2;  // pixels that bicubic interpolation reads beyond those below it
constexpr std::byte kPng{0x89};  // first byte of a PNG

/// What `decode` makes of the file; BadData with its name where that is not an image.
template <typename Decode>
auto decoded(const fs::path& path, const Decode& decode) {
  try {
    return decode();
  } catch (const BrokenImage& problem) {
    throw BadData(
        fmt::format("{}: {}; a whole JPEG or PNG is needed", quoted(path), problem.what()));
  }
}

/// Grey levels, transparency laid over black: CV_8UC1.
cv::Mat grey_levels(const ImageInput& mask) {
  const std::vector<std::byte> bytes =
      mask.bytes.front() == kPng ? without_side_chunks(mask.bytes) : mask.bytes;
  cv::Mat pixels = cv::imdecode(
      cv::Mat(1, static_cast<int>(bytes.size()), CV_8U, const_cast<std::byte*>(bytes.data())),
      cv::IMREAD_UNCHANGED);
  if (pixels.empty()) throw BrokenImage("OpenCV cannot decode it");
  if (pixels.depth() == CV_16U) pixels.convertTo(pixels, CV_8U, 1.0 / 257.0);
  if (pixels.channels() == 1) return pixels;
  cv::Mat grey;
  cv::cvtColor(pixels, grey, pixels.channels() == 4 ? cv::COLOR_BGRA2GRAY : cv::COLOR_BGR2GRAY);
  if (pixels.channels() == 3) return grey;
  cv::Mat alpha;
  cv::extractChannel(pixels, alpha, 3);
  cv::multiply(grey, alpha, grey, 1.0 / 255.0);
  return grey;
}

/// The largest centred square, as decode_square() cuts it: bool [side, side].
torch::Tensor white_square(const cv::Mat& grey) {
  const int side = std::min(grey.cols, grey.rows);
  const cv::Mat square =
      grey(cv::Rect((grey.cols - side) / 2, (grey.rows - side) / 2, side, side)).clone();
  return torch::from_blob(square.data, {side, side}, torch::kUInt8).ge(kWhite);
}

/// Patches in whose area a pixel of `white` bool [side, side] is set: bool [N].
torch::Tensor touched_patches(const torch::Tensor& white, const CanvasShape& shape) {
  const int64_t side = white.size(0), patches = shape.grid.rows;
  const int64_t reach = side < shape.image_size() ? kBicubic : 0;
  const auto strip = [&](const torch::Tensor& pixels, int64_t dimension, int64_t patch) {
    const int64_t begin = patch * side / patches - reach;
    const int64_t end = ((patch + 1) * side + patches - 1) / patches + reach;  // rounded up
    return pixels.slice(dimension, std::max<int64_t>(begin, 0), std::min(end, side));
  };
  torch::Tensor touched = torch::zeros({patches, patches}, torch::kBool);
  for (int64_t row = 0; row < patches; ++row) {
    const torch::Tensor rows = strip(white, 0, row);
    for (int64_t col = 0; col < patches; ++col) touched[row][col] = strip(rows, 1, col).any();
  }
  return touched.flatten();
}

}  // namespace

torch::Tensor Canvas::drawn_pixels() const {
  return drawn.view({shape.grid.rows, shape.grid.cols})
      .repeat_interleave(shape.patch_size, 0)
      .repeat_interleave(shape.patch_size, 1);
}

ImageInput read_image_input(const fs::path& path) {
  ImageInput input{path, read_bytes(path), {}, {}};
  input.size = decoded(path, [&] { return check_image(input.bytes); });
  input.sha256 = sha256_hex(input.bytes);
  return input;
}

Canvas inpainting_canvas(const ImageInput& image, const ImageInput& mask,
                         const CanvasShape& shape) {
  if (image.size.width != mask.size.width || image.size.height != mask.size.height) {
    throw BadData(fmt::format(
        "{}: the mask has {}x{} pixels, but the image {} has {}x{}; paint the mask over the image "
        "itself, so that both have one size",
        quoted(mask.path), mask.size.width, mask.size.height, quoted(image.path), image.size.width,
        image.size.height));
  }
  const torch::Tensor white = decoded(mask.path, [&] { return white_square(grey_levels(mask)); });
  if (!white.any().item<bool>()) {
    throw BadData(
        fmt::format("{}: no pixel of the centred square is white, so there is nothing to draw; "
                    "paint what is to "
                    "be drawn anew white (grey levels from {}), the rest black",
                    quoted(mask.path), kWhite));
  }
  return {shape,
          decoded(image.path, [&] { return decode_square(image.bytes, shape.image_size()); }),
          touched_patches(white, shape)};
}

Placement placement(const std::vector<int64_t>& at, int64_t scale, const Grid& grid) {
  Placement place;
  place.scale = scale == 0 ? std::max<int64_t>(grid.rows / 2, 1) : scale;
  if (place.scale < 0 || place.scale >= grid.rows) {
    throw std::invalid_argument(
        fmt::format("--scale {}: the model draws {}x{} patches, and some must be left to draw; "
                    "accepted are 1 to {}",
                    place.scale, grid.rows, grid.cols, grid.rows - 1));
  }
  const int64_t last = grid.rows - place.scale;
  place.row = at.empty() ? last / 2 : at.at(0);
  place.col = at.empty() ? last / 2 : at.at(1);
  if (std::min(place.row, place.col) < 0 || std::max(place.row, place.col) > last) {
    throw std::invalid_argument(fmt::format(
        "--at {},{}: an image of {}x{} patches leaves the grid of {}x{} there; rows and columns 0 "
        "to {} are accepted, or a smaller --scale",
        place.row, place.col, place.scale, place.scale, grid.rows, grid.cols, last));
  }
  return place;
}

Canvas outpainting_canvas(const ImageInput& image, const Placement& place,
                          const CanvasShape& shape) {
  const int64_t side = place.scale * shape.patch_size, size = shape.image_size();
  Canvas canvas{shape, torch::zeros({3, size, size}, torch::kUInt8),
                torch::ones({shape.grid.rows, shape.grid.cols}, torch::kBool)};
  canvas.pixels.narrow(1, place.row * shape.patch_size, side)
      .narrow(2, place.col * shape.patch_size, side)
      .copy_(decoded(image.path, [&] { return decode_square(image.bytes, side); }));
  canvas.drawn.narrow(0, place.row, place.scale).narrow(1, place.col, place.scale).fill_(false);
  canvas.drawn = canvas.drawn.flatten();
  return canvas;
}

}  // namespace oar
