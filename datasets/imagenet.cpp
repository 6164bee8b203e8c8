#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "datasets/csv_table.h"
#include "datasets/name_list.h"
#include "datasets/official_split.h"
#include "datasets/wnid_folders.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using WnidOf = std::unordered_map<std::string, std::string>;  // by image, without .JPEG

constexpr char kLayout[] =
    "the folder that holds train/ and val/, or ILSVRC/Data/CLS-LOC/ with them";

/// Where train/ is: as unpacked by hand, or as Kaggle's zip of the challenge has it.
fs::path base_of(const fs::path& root) {
  for (const char* place : {"", "CLS-LOC", "Data/CLS-LOC", "ILSVRC/Data/CLS-LOC"}) {
    if (fs::is_directory(root / place / "train")) return root / place;
  }
  throw BadData(fmt::format("imagenet: there is no folder \"{}\"; set dataset.root to {}",
                            (root / "train").string(), kLayout));
}

void refuse_label(const fs::path& path, const std::string& found) {
  throw BadData(fmt::format("\"{}\": \"{}\" is no WordNet ID (n01440764); copy the file again",
                            path.string(), found.substr(0, 80)));
}

/// Kaggle's table: ImageId,PredictionString, the latter a WNID and four coordinates, repeated.
WnidOf read_solution(const fs::path& path) {
  const CsvTable table = read_csv(path);
  WnidOf wnid_of;
  for (const auto& row : table.rows) {
    const std::string wnid = row.size() < 2 ? "" : row[1].substr(0, row[1].find(' '));
    if (!is_wnid(wnid)) refuse_label(path, row.back());
    wnid_of.emplace(row[0], wnid);
  }
  return wnid_of;
}

std::string validation_image(size_t number) { return fmt::format("ILSVRC2012_val_{:08}", number); }

/// One WNID a line, of validation images 1, 2, ...
WnidOf read_labels(const fs::path& path) {
  WnidOf wnid_of;
  for (const std::string& line : read_lines(path)) {
    if (!is_wnid(line)) refuse_label(path, line);
    wnid_of.emplace(validation_image(wnid_of.size() + 1), line);
  }
  return wnid_of;
}

/// One class number a line, of validation images 1, 2, ...; `classes` has "n02119789 1 kit_fox".
WnidOf read_ground_truth(const fs::path& path, const fs::path& classes) {
  std::unordered_map<std::string, std::string> wnid_of_number;
  for (const auto& [wnid, words] : read_wnid_words(classes)) {
    wnid_of_number.emplace(words.substr(0, words.find(' ')), wnid);
  }
  WnidOf wnid_of;
  for (const std::string& line : read_lines(path)) {
    const auto wnid = wnid_of_number.find(line);
    if (wnid == wnid_of_number.end()) {
      throw BadData(fmt::format("\"{}\": \"{}\" has no class \"{}\"; copy both files again",
                                path.string(), classes.string(), line.substr(0, 80)));
    }
    wnid_of.emplace(validation_image(wnid_of.size() + 1), wnid->second);
  }
  return wnid_of;
}

/// Whose classes a flat val/ has.
WnidOf read_validation(const fs::path& root, const fs::path& base) {
  const std::string within = base.lexically_relative(root).generic_string();
  const std::vector<std::string> folders = {within,
                                            within + "/val",
                                            "devkit",
                                            "devkit/data",
                                            "ILSVRC",
                                            "ILSVRC/devkit/data",
                                            "ILSVRC2012_devkit_t12/data"};
  const auto find = [&](const char* name) { return find_file(root, folders, {name}); };
  if (const auto path = find("LOC_val_solution.csv")) return read_solution(*path);
  if (const auto path = find("imagenet_2012_validation_synset_labels.txt")) {
    return read_labels(*path);
  }
  const auto numbers = find("ILSVRC2012_validation_ground_truth.txt");
  const auto classes = find("map_clsloc.txt");
  if (numbers && classes) return read_ground_truth(*numbers, *classes);
  throw BadData(fmt::format(
      "imagenet: \"{}\" is flat, and nothing says the classes of its images; sort them into "
      "val/WNID/, or put LOC_val_solution.csv, imagenet_2012_validation_synset_labels.txt, or "
      "ILSVRC2012_validation_ground_truth.txt with map_clsloc.txt into \"{}\"",
      (base / "val").string(), root.string()));
}

void add_validation(const fs::path& root, const fs::path& base, WnidListing& listing) {
  const fs::path val = base / "val";
  if (!fs::is_directory(val)) {
    throw BadData(
        fmt::format("imagenet: split \"official\" holds out \"{}\", which is not there; unpack it "
                    "beside train/, "
                    "or set dataset.split to \"hash\"",
                    val.string()));
  }
  if (!sub_folders(val).empty()) {
    listing.add_folders(val, Split::kHeldOut);
  } else {
    listing.add_flat(val, Split::kHeldOut, read_validation(root, base));
  }
}

}  // namespace

std::unique_ptr<Dataset> open_imagenet(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// ImageNet, ILSVRC 2012: train/WNID/*.JPEG, and val/ by class or flat with a list of its classes.
///
/// Classes are the WNIDs, sorted, as everywhere in the field. Captions are the words of
/// LOC_synset_mapping.txt, if it is there. split "official" trains on train/ and holds out val/
/// (test/ has no labels and is never read); split "hash" takes all from train/ and leaves val/
/// alone.
///
/// Source  Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (IJCV 2015).
std::unique_ptr<Dataset> make_imagenet(const DatasetConfig& config, const ScanProgress& progress) {
  refuse_columns(config);
  const fs::path root = require_root(config, kLayout), base = base_of(root);
  WnidListing listing(root);
  listing.add_folders(base / "train", Split::kTrain);
  if (config.split == "official") add_validation(root, base, listing);
  const auto words = find_file(root, {"ILSVRC"}, {"LOC_synset_mapping.txt"});
  return open_imagenet(
      config,
      scan_images(config, std::move(listing).finish(words ? read_wnid_words(*words) : WnidOf{}),
                  progress));
}

}  // namespace oar
