#include <fmt/format.h>

#include <string>
#include <unordered_map>
#include <utility>

#include "datasets/name_list.h"
#include "datasets/official_split.h"
#include "datasets/wnid_folders.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using WnidOf = std::unordered_map<std::string, std::string>;  // by image, without .JPEG

constexpr char kLayout[] = "the folder that holds train/ and val/";

fs::path base_of(const fs::path& root) {
  for (const char* place : {"", "tiny-imagenet-200", "tiny-imagenet"}) {
    if (fs::is_directory(root / place / "train")) return root / place;
  }
  throw BadData(fmt::format("tiny_imagenet: there is no folder \"{}\"; set dataset.root to {}",
                            (root / "train").string(), kLayout));
}

/// val_annotations.txt: image, WNID and a box, tabs between.
WnidOf read_annotations(const fs::path& path) {
  if (!fs::is_regular_file(path)) {
    throw BadData(
        fmt::format("tiny_imagenet: the classes of val/images/ are in \"{}\", which is not there; "
                    "copy it again",
                    path.string()));
  }
  WnidOf wnid_of;
  for (const std::string& line : read_lines(path)) {
    const size_t first = std::min(line.find('\t'), line.size());
    const std::string rest = line.substr(std::min(first + 1, line.size()));
    const std::string wnid = rest.substr(0, rest.find('\t'));
    if (!is_wnid(wnid)) {
      throw BadData(fmt::format(
          "\"{}\": the line \"{}\" has no WordNet ID behind the image; copy the file again",
          path.string(), line.substr(0, 80)));
    }
    wnid_of.emplace(fs::path(line.substr(0, first)).stem().string(), wnid);
  }
  return wnid_of;
}

void add_validation(const fs::path& base, WnidListing& listing) {
  const fs::path val = base / "val";
  if (fs::is_directory(val / "images")) {
    listing.add_flat(val / "images", Split::kHeldOut,
                     read_annotations(val / "val_annotations.txt"));
  } else if (fs::is_directory(val)) {
    listing.add_folders(val, Split::kHeldOut);
  } else {
    throw BadData(fmt::format(
        "tiny_imagenet: split \"official\" holds out \"{}\", which is not there; unpack it beside "
        "train/, or set dataset.split to \"hash\"",
        val.string()));
  }
}

}  // namespace

std::unique_ptr<Dataset> open_tiny_imagenet(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// Tiny ImageNet as Stanford's course ships it, train/WNID/images/*.JPEG, or without images/.
///
/// Classes are the WNIDs, sorted. Captions are the words of words.txt, or else of classes.tsv, if
/// one is there. split "official" trains on train/ and holds out val/, be it val/images/ with
/// val_annotations.txt or val/WNID/ (test/ has no labels and is never read); split "hash" takes all
/// from train/ and leaves val/ alone.
///
/// Source  Le and Yang, Tiny ImageNet Visual Recognition Challenge (Stanford CS231n, 2015).
std::unique_ptr<Dataset> make_tiny_imagenet(const DatasetConfig& config,
                                            const ScanProgress& progress) {
  refuse_columns(config);
  const fs::path root = require_root(config, kLayout), base = base_of(root);
  WnidListing listing(root);
  listing.add_folders(base / "train", Split::kTrain);
  if (config.split == "official") add_validation(base, listing);
  const auto words = find_file(base, {}, {"words.txt", "classes.tsv"});
  return open_tiny_imagenet(
      config,
      scan_images(config, std::move(listing).finish(words ? read_wnid_words(*words) : WnidOf{}),
                  progress));
}

}  // namespace oar
