#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// One image that a layout names, not yet looked into.
struct ListedImage {
  std::string file;  ///< path below the root
  std::string caption;
  int64_t label = -1;
};

/// What a layout (fashion_products, celeba_hq, image_folder) finds before any image is opened.
struct ImageListing {
  std::vector<ListedImage> images;
  std::vector<RejectedFile>
      rejected;  ///< image formats that are not read, names that are not UTF-8
  std::vector<std::string> classes;
  int64_t other_files = 0;  ///< not images by their extension, passed over
};

/// The images of one folder: extensions .jpg, .jpeg and .png in any case, hidden files passed over.
/// images_in() stays in the folder, images_below() walks its sub-folders too (links to folders are
/// not followed below the first level).
///
/// Errors  BadData if a folder cannot be read.
ImageListing images_in(const std::filesystem::path& root, const std::filesystem::path& folder);
ImageListing images_below(const std::filesystem::path& root, const std::filesystem::path& folder);

/// The root, once it is known to be a folder. `layout` says what it should hold.
///
/// Errors  BadData if it is missing or no folder.
std::filesystem::path require_root(const DatasetConfig& config, const std::string& layout);

/// Refuses class_column and caption_column where the layout has no columns.
///
/// Errors  std::invalid_argument naming the setting.
void refuse_columns(const DatasetConfig& config);

/// Opens, checks and hashes the listed images and splits them. The result is the same for every
/// number of threads (0: one per processor) and every order of the listing.
///
/// Errors  BadData if nothing is listed or nothing that is listed is a whole image.
DatasetIndex scan_images(const DatasetConfig& config, ImageListing listing,
                         const ScanProgress& progress, int64_t threads = 0);

/// The data set whose images are the index's files below config.root.
///
/// Errors  BadData if the root is gone or a file of the index is not below it.
std::unique_ptr<Dataset> open_image_files(const DatasetConfig& config, DatasetIndex index);

}  // namespace oar
