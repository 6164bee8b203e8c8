#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/stored_images.h"

namespace oar {

/// One image that a layout names, not yet looked into.
struct ListedImage {
  std::string file;  ///< path below the root
  std::string caption;
  int64_t label = -1;
  Split split = Split::kTrain;  ///< by the data set's own files; asked if config.split says so
};

/// What a layout finds before any image is opened.
struct ImageListing {
  std::vector<ListedImage> images;
  std::vector<RejectedFile>
      rejected;  ///< image formats that are not read, names that are not UTF-8
  std::vector<RejectedFile> left_out;  ///< what one entry says of many images: a part, a table
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

/// Puts what another folder holds behind what is there; classes stay as they are.
void append(ImageListing& listing, ImageListing more);

/// Folders of a folder that are not hidden, sorted by path.
///
/// Errors  BadData if the folder cannot be read.
std::vector<std::filesystem::path> sub_folders(const std::filesystem::path& folder);

/// Refuses class_column and caption where the layout has no columns.
///
/// Errors  std::invalid_argument naming the setting.
void refuse_columns(const DatasetConfig& config);

/// Opens, checks and hashes the listed images and splits them, by hash or as they are listed. The
/// result is the same for every number of threads (0: one per processor) and every order of the
/// listing.
///
/// Errors  BadData if nothing is listed, nothing that is listed is a whole image, or no image is
///         left to train on.
DatasetIndex scan_images(const DatasetConfig& config, ImageListing listing,
                         const ScanProgress& progress, int64_t threads = 0);

/// The same for images that are no files of their own.
DatasetIndex scan_images(const DatasetConfig& config, ImageListing listing, const ReadImage& read,
                         const ScanProgress& progress, int64_t threads = 0);

/// The data set whose images are the index's files below config.root.
///
/// Errors  BadData if the root is gone or a file of the index is not below it.
std::unique_ptr<Dataset> open_image_files(const DatasetConfig& config, DatasetIndex index);

}  // namespace oar
