#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// SHA-256 of "<width>x<height> <SHA-256 of the RGB pixels, row by row>", transparency laid over
/// white: equal for files that show the same, however they are stored (a PNG made of a JPEG, other
/// metadata, another name). Of generated images: that of the index.
using ContentHash = std::array<uint8_t, 32>;

/// What every image of an index shows, by its position there.
struct ImageContents {
  std::vector<std::optional<ContentHash>> hashes;  ///< none: it could not be decoded
  std::vector<RejectedFile> broken;  ///< why not, of each such image, in the order of the index
};

/// Decodes every image at full size. One image per thread is in memory, and 40 bytes for each
/// that is done. Generated images are known by their index already, and nothing is decoded.
///
/// `threads` of 0 means one per processor. `progress` is called as make_dataset() calls its own;
/// what it throws ends the pass and reaches the caller.
///
/// Errors  BadData if an archive has changed since the index was made.
ImageContents read_contents(const DatasetConfig& config, const DatasetIndex& index, int64_t threads,
                            const ScanProgress& progress);

/// As 64 hexadecimal digits.
std::string hex_text(const ContentHash& hash);

}  // namespace oar
