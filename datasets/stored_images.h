#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// The bytes of an image that an index names, from wherever they lie. Called by several threads.
///
/// Errors  std::system_error where they cannot be read.
using ReadImage = std::function<std::vector<std::byte>(const ImageRecord&)>;

/// The data set whose images `read` gives: each is compared with the index's SHA-256, decoded, cut
/// and resized as the config says. Messages call an image config.root / record.file.
///
/// Errors  std::invalid_argument for an unknown crop or resize; BadData where an image is smaller
///         than the crop; load(): BadData if an image vanished or changed since the scan.
std::unique_ptr<Dataset> open_stored_images(const DatasetConfig& config, DatasetIndex index,
                                            ReadImage read);

}  // namespace oar
