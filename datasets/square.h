// How an image becomes a square: which part of it, and how that part is resized.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/image_file.h"

namespace oar {

/// A square of `size` pixels, by names.
struct Square {
  int64_t size = 64;
  std::string crop = "centre";  ///< of list_crops()
  std::string resize = "area";  ///< of list_resizes()
};
inline Square square_of(const DatasetConfig& config) {
  return {config.image_size, config.crop, config.resize};
}

/// Names and what they do. `area` is OpenCV's; the others are Pillow's, to the bit: their support
/// widens when shrinking, so that nothing aliases.
///
/// Source  adm: center_crop_arr of ADM (arXiv 2105.05233), which DiT and others took over. The
///         CelebA crops: 108 (DCGAN), 140 (VAE-GAN and most diffusion models), 148 (taming's VAEs).
std::vector<NameAndSummary> list_crops();
std::vector<NameAndSummary> list_resizes();

/// Errors  std::invalid_argument for a name that is not listed, and for `adm` with another resize
///         than `bicubic`, which is part of it.
void check_square(const Square& square);

/// What the crop needs of an image; 1 where any will do.
///
/// Units  pixels of the shorter side.
int64_t smallest_side(const std::string& crop);

/// Decodes an image that passed check_image(), takes the crop's square of it, of that the view's
/// part, and resizes it once; mirrored last.
///
/// EXIF orientation is ignored, always. 16-bit values are divided by 257. Transparent pixels are
/// laid over white. Grey becomes three equal channels. Of an odd remainder, the extra row or column
/// goes at the bottom or right. Resizing is in 8 bits; what fits is left untouched. A part of
/// `side` has round(side · pixels) pixels and begins at round(left · what is left over).
///
/// Shapes  uint8 RGB [3, size, size].
/// Errors  BrokenImage if OpenCV cannot decode it, or if the crop is larger than the image.
torch::Tensor decode_square(std::span<const std::byte> bytes, const Square& square,
                            const View& view = {});

/// The view's part of a square that is there already, resized to its size by `resize`.
///
/// Shapes  uint8 [3, S, S] in and out.
torch::Tensor view_of(const torch::Tensor& square, const std::string& resize, const View& view);

/// Left and right exchanged: uint8 [..., W].
torch::Tensor mirrored(const torch::Tensor& images);

}  // namespace oar
