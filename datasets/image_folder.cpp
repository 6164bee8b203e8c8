#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "datasets/image_files.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kLayout[] = "a folder of images, or of one sub-folder of images per class";

[[noreturn]] void refuse_mixture(const fs::path& root, const std::string& loose,
                                 const std::string& folder) {
  throw BadData(fmt::format(
      "image_folder: \"{}\" holds images itself (\"{}\") and in sub-folders (\"{}\"); move the "
      "loose images into a sub-folder, their class, or the sub-folders away",
      root.string(), loose, folder));
}

void refuse_empty_class(const fs::path& folder) {
  throw BadData(fmt::format(
      "image_folder: every sub-folder is a class, but \"{}\" holds no .jpg, .jpeg or .png image; "
      "add images to it or move it out of the root",
      folder.string()));
}

ImageListing list_classes(const fs::path& root) {
  ImageListing listing = images_in(root, root);
  std::vector<fs::path> empty;
  for (const fs::path& folder : sub_folders(root)) {
    ImageListing images = images_below(root, folder);
    if (images.images.empty()) empty.push_back(folder);
    const std::string name = folder.filename().string();
    if (!images.images.empty()) {
      for (ListedImage& image : images.images) {
        image.label = static_cast<int64_t>(listing.classes.size());
      }
      listing.classes.push_back(name);
    }
    append(listing, std::move(images));
  }
  const auto is_loose = [](const ListedImage& image) { return image.label < 0; };
  const auto loose = std::find_if(listing.images.begin(), listing.images.end(), is_loose);
  if (loose != listing.images.end() && !listing.classes.empty()) {
    refuse_mixture(root, loose->file, listing.classes.front());
  }
  if (!empty.empty() && !listing.classes.empty()) refuse_empty_class(empty.front());
  return listing;
}

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// Any images. Each sub-folder of the root is a class, and every image below it belongs to it,
/// however deep. A folder with images and no sub-folder of images has no classes.
std::unique_ptr<Dataset> make_image_folder(const DatasetConfig& config,
                                           const ScanProgress& progress) {
  refuse_columns(config);
  ImageListing listing = list_classes(require_root(config, kLayout));
  return open_image_folder(config, scan_images(config, std::move(listing), progress));
}

}  // namespace oar
