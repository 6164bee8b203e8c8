#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <vector>

namespace oar {

/// Why a file is not a usable image. The text reads after a file name: "photo.jpg: empty file".
struct BrokenImage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ImageSize {
  int64_t width = 0;
  int64_t height = 0;
};

/// Images below or above these are refused: nothing is left of the former at any image_size, and
/// the latter take gigabytes to decode.
constexpr int64_t kMinImageSide = 8;               // pixels
constexpr int64_t kMaxImagePixels = 100'000'000;   // pixels, width times height
constexpr int64_t kMaxImageBytes = 1'000'000'000;  // of a file

/// All bytes of a file.
///
/// Errors  std::system_error with the path if it cannot be opened or read.
std::vector<std::byte> read_bytes(const std::filesystem::path& path);

/// Decides whether a file holds one whole JPEG or PNG, by its content and not its name.
///
/// Stricter than decoding: OpenCV shows a JPEG that was cut off with its rest in grey. Here a JPEG
/// passes only if libjpeg reads it to its end without a warning, a PNG only if the checksum of
/// every chunk is right and it decodes.
///
/// Errors  BrokenImage with the reason.
ImageSize check_image(std::span<const std::byte> bytes);

/// Decodes an image that passed check_image() and makes it a square of `image_size` pixels.
///
/// EXIF orientation is ignored, always. 16-bit values are divided by 257. Transparent pixels are
/// laid over white. Grey becomes three equal channels. Then the largest centred square is cut out
/// (of an odd remainder, the extra row or column goes at the bottom or right) and resized in 8
/// bits: OpenCV's INTER_AREA when shrinking, INTER_CUBIC when enlarging, untouched when it fits.
///
/// Shapes  uint8 RGB [3, image_size, image_size].
/// Errors  BrokenImage if OpenCV cannot decode it.
torch::Tensor decode_square(std::span<const std::byte> bytes, int64_t image_size);

}  // namespace oar
