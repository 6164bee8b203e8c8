#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/image_file.h"
#include "datasets/image_files.h"
#include "datasets/split.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kLayout[] = "the folder that holds the images, or holds images/ or CelebA-HQ-img/";

/// CelebA-HQ's folder of images has no fixed name: Multi-Modal CelebA-HQ says images/, the
/// CelebAMask-HQ release it builds on CelebA-HQ-img/, and plain copies have none.
fs::path image_folder_of(const fs::path& root) {
  for (const char* name : {"images", "CelebA-HQ-img"}) {
    if (fs::is_directory(root / name)) return root / name;
  }
  return root;
}

std::vector<std::string> caption_lines(const fs::path& path) {
  const std::vector<std::byte> bytes = read_bytes(path);
  const std::string text =
      as_utf8(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const size_t first = text.find_first_not_of(" \t\r\n", begin);
    if (first < end) {
      const size_t last = text.find_last_not_of(" \t\r\n", end - 1);
      lines.push_back(text.substr(first, last - first + 1));
    }
    begin = end + 1;
  }
  return lines;
}

/// One of the ~10 captions of an image, chosen by the seed and the image's name alone.
std::string choose_caption(const DatasetConfig& config, const std::string& file) {
  const fs::path captions = config.root / "celeba-caption" / fs::path(file).stem().concat(".txt");
  if (!fs::is_regular_file(captions)) return "";
  const std::vector<std::string> lines = caption_lines(captions);
  if (lines.empty()) return "";
  const std::string rank = file_rank("caption", config.seed, file);
  return lines[std::stoull(rank.substr(0, 15), nullptr, 16) % lines.size()];
}

}  // namespace

std::unique_ptr<Dataset> open_celeba_hq(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// CelebA-HQ: a folder of faces, and beside it, if the user has them, captions as Multi-Modal
/// CelebA-HQ ships them: celeba-caption/<name of the image>.txt, one caption a line.
///
/// Source  Xia et al., TediGAN (CVPR 2021), for the captions and their layout.
std::unique_ptr<Dataset> make_celeba_hq(const DatasetConfig& config, const ScanProgress& progress) {
  refuse_columns(config);
  const fs::path root = require_root(config, kLayout);
  ImageListing listing = images_in(root, image_folder_of(root));
  for (ListedImage& image : listing.images) image.caption = choose_caption(config, image.file);
  return open_celeba_hq(config, scan_images(config, std::move(listing), progress));
}

}  // namespace oar
