#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/image_file.h"
#include "orders/grid.h"

namespace oar {

/// The patches of the images that a model draws: squares of `grid` x `grid` patches.
struct CanvasShape {
  Grid grid;               ///< as many rows as columns
  int64_t patch_size = 0;  ///< pixels a patch is wide and high

  int64_t image_size() const { return grid.rows * patch_size; }
};

/// An image on its way to be edited, and the patches of it that are drawn anew. What `pixels` holds
/// in those patches is never looked at.
struct Canvas {
  CanvasShape shape;
  torch::Tensor pixels;  ///< uint8 RGB [3, S, S]
  torch::Tensor drawn;   ///< bool [N], true where a patch is drawn anew; at least one is

  int64_t num_drawn() const { return drawn.sum().item<int64_t>(); }
  torch::Tensor drawn_pixels() const;  ///< bool [S, S]
};

/// An image file, read once.
struct ImageInput {
  std::filesystem::path path;
  std::vector<std::byte> bytes;
  ImageSize size;  ///< pixels, as stored
  std::string sha256;
};

/// Reads a whole JPEG or PNG.
///
/// Errors  BadData with the path if it is another kind of file or a damaged one; std::system_error
///         if it cannot be read.
ImageInput read_image_input(const std::filesystem::path& path);

/// The canvas for inpainting. The image becomes a square as in the data sets: Dataset.
///
/// `mask` is as large as the image and cut in the same way. Its pixels count as white where their
/// grey level (Rec. 601, transparency laid over black) is 128 or more. A patch is drawn anew if any
/// pixel of its area is white, however little of it; where the image is enlarged, bicubic
/// interpolation reads two pixels further on each side, and so does this rule. Hence no pixel under
/// the white reaches a patch that is kept.
///
/// Errors  BadData if the sizes differ, naming both, or nothing is white.
Canvas inpainting_canvas(const ImageInput& image, const ImageInput& mask, const CanvasShape& shape);

/// Where the image lies on the canvas of an outpainting. Units: patches.
struct Placement {
  int64_t row = 0, col = 0;  ///< of the top-left patch of the image
  int64_t scale = 0;         ///< patches the image is wide and high
};

/// Where to put an image: `at` is row and column, or empty for the middle; a `scale` of 0 is half
/// the grid.
///
/// Errors  std::invalid_argument if that leaves the grid, or leaves nothing to draw.
Placement placement(const std::vector<int64_t>& at, int64_t scale, const Grid& grid);

/// The canvas for outpainting: the image, cut to a square and resized to `place.scale` patches,
/// with its top-left patch at (place.row, place.col). Everything else is drawn.
Canvas outpainting_canvas(const ImageInput& image, const Placement& place,
                          const CanvasShape& shape);

}  // namespace oar
