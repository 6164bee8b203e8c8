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

/// The size that a file states, read from its header alone: no pixel is decoded.
///
/// Errors  BrokenImage if there is no whole header.
ImageSize stated_size(std::span<const std::byte> bytes);

/// Errors  BrokenImage for a size above kMaxImagePixels.
void refuse_bomb(const ImageSize& size);

/// The largest centred square of an image, resized by area: decode_square() of square.h with its
/// defaults.
///
/// Shapes  uint8 RGB [3, image_size, image_size].
torch::Tensor decode_square(std::span<const std::byte> bytes, int64_t image_size);

/// Decodes an image that passed check_image() at its full size, as the published metric tools see
/// it: Pillow's `Image.open(file).convert("RGB")`.
///
/// Transparency is dropped, not laid over white: the colours are those below it. Palettes are
/// expanded, grey becomes three equal channels, 1, 2 and 4 bits are spread over 0 .. 255. EXIF
/// orientation, gamma and colour profiles are ignored.
///
/// PNGs come out as Pillow's to the bit, but for 16 bits of grey without alpha: we take the high
/// byte, as both do of all other 16-bit channels; Pillow clips at 255, which turns nearly all of
/// such an image white. JPEGs come out the same where both use libjpeg-turbo; other builds of
/// libjpeg, and CMYK, differ by a grey level or two.
///
/// Shapes  uint8 RGB [3, H, W].
/// Errors  BrokenImage if OpenCV cannot decode it.
torch::Tensor decode_image(std::span<const std::byte> bytes);

/// check_image() and decode_image() in one: a PNG is decoded once for both.
///
/// Errors  BrokenImage with the reason.
torch::Tensor decode_whole_image(std::span<const std::byte> bytes);

/// Turns pixels that lie channel by channel in memory, as decoders and numpy have them, into
/// planes: [height, width, 3] to uint8 [3, height, width].
torch::Tensor planes_of(const uint8_t* interleaved, int64_t height, int64_t width);

}  // namespace oar
