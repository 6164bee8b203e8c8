#include <fmt/format.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "datasets/image_files.h"
#include "datasets/name_list.h"
#include "datasets/official_split.h"
#include "datasets/split.h"

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

/// Multi-Modal CelebA-HQ's captions unpack to celeba-caption/ within text/; both alone are taken.
fs::path caption_folder_of(const fs::path& root) {
  for (const char* name : {"celeba-caption", "text/celeba-caption", "text"}) {
    if (fs::is_directory(root / name)) return root / name;
  }
  return root / "celeba-caption";
}

/// One of the ~10 captions of an image, chosen by the seed and the image's name alone.
std::string choose_caption(const fs::path& folder, int64_t seed, const std::string& file) {
  const fs::path captions = folder / fs::path(file).stem().concat(".txt");
  if (!fs::is_regular_file(captions)) return "";
  const std::vector<std::string> lines = read_lines(captions);
  if (lines.empty()) return "";
  const std::string rank = file_rank("caption", seed, file);
  return lines[std::stoull(rank.substr(0, 15), nullptr, 16) % lines.size()];
}

/// Images are named with and without extension, and with leading zeros or none: "00042.jpg", "42".
std::string plain_name(const std::string& file) {
  const std::string stem = fs::path(file).stem().string();
  const bool digits = stem.find_first_not_of("0123456789") == std::string::npos;
  const size_t first = digits ? stem.find_first_not_of('0') : 0;
  return first == std::string::npos ? "0" : stem.substr(first);
}

OfficialSplit read_lists(const fs::path& train, const fs::path& test) {
  OfficialSplit split{
      train.filename() == test.filename()
          ? fmt::format("train/{0} and test/{0}", train.filename().string())
          : fmt::format("{} and {}", train.filename().string(), test.filename().string()),
      {}};
  for (const auto& [path, part] :
       {std::pair(train, OfficialPart::kTrain), std::pair(test, OfficialPart::kTest)}) {
    for (const std::string& name : read_name_list(path)) {
      if (split.part_of.emplace(plain_name(name), part).first->second == part) continue;
      throw BadData(
          fmt::format("celeba_hq: \"{}\" names \"{}\", which is in \"{}\" too; copy both "
                      "lists again",
                      path.string(), name, train.string()));
    }
  }
  return split;
}

/// The part of the CelebA photo that an image was made from.
OfficialSplit read_mapping(const fs::path& mapping, const fs::path& partition) {
  const OfficialSplit of_celeba = read_celeba_partition(partition);
  OfficialSplit split{mapping.filename().string(), {}};
  for (const std::string& line : read_lines(mapping)) {
    std::istringstream in(line);
    std::string image, number, photo;
    in >> image >> number >> photo;
    if (image == "idx") continue;  // the header: idx, orig_idx, orig_file
    const auto part = of_celeba.part_of.find(photo);
    if (part == of_celeba.part_of.end()) {
      throw BadData(
          fmt::format("\"{}\": the line \"{}\" does not end in a photo that \"{}\" knows; "
                      "copy both files again",
                      mapping.string(), line.substr(0, 80), partition.string()));
    }
    split.part_of.emplace(plain_name(image), part->second);
  }
  return split;
}

OfficialSplit read_official_split(const fs::path& root) {
  const auto list = [&root](const char* name) { return find_file(root, {}, {name}); };
  for (const auto& [train, test] : {std::pair("train.txt", "test.txt"),
                                    std::pair("train/filenames.pickle", "test/filenames.pickle")}) {
    if (list(train) && list(test)) return read_lists(*list(train), *list(test));
  }
  const auto mapping = list("CelebA-HQ-to-CelebA-mapping.txt");
  const auto partition =
      find_file(root, {"Anno", "Eval"}, {"list_eval_partition.txt", "list_eval_partition.csv"});
  if (mapping && partition) return read_mapping(*mapping, *partition);
  throw BadData(fmt::format(
      "celeba_hq: split \"official\" needs lists in \"{}\": train.txt and test.txt (one image a "
      "line), or train/filenames.pickle and test/filenames.pickle of Multi-Modal CelebA-HQ, or "
      "CelebA-HQ-to-CelebA-mapping.txt with CelebA's list_eval_partition.txt; copy them there, or "
      "set dataset.split to \"hash\"",
      root.string()));
}

}  // namespace

std::unique_ptr<Dataset> open_celeba_hq(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// CelebA-HQ: a folder of faces, and beside it, if the user has them, captions as Multi-Modal
/// CelebA-HQ ships them: celeba-caption/<name of the image>.txt, one caption a line.
///
/// split "official" is read from the first of these that is there: the lists of Multi-Modal
/// CelebA-HQ (24,000 training and 6,000 test images) as train.txt and test.txt or as the pickles
/// they come as; or CelebA's own partition of the photos behind the images, as CelebAMask-HQ splits
/// them (24,183 training, 2,993 validation, 2,824 test); see split_officially().
///
/// Source  Xia et al., TediGAN (CVPR 2021), for the captions and their layout; g_partition.py of
///         CelebAMask-HQ (Lee et al., CVPR 2020) for the split by mapping.
std::unique_ptr<Dataset> make_celeba_hq(const DatasetConfig& config, const ScanProgress& progress) {
  refuse_columns(config);
  const fs::path root = require_root(config, kLayout);
  ImageListing listing = images_in(root, image_folder_of(root));
  if (config.split == "official") split_officially(listing, read_official_split(root), plain_name);
  const fs::path captions = caption_folder_of(root);
  for (ListedImage& image : listing.images) {
    image.caption = choose_caption(captions, config.seed, image.file);
  }
  return open_celeba_hq(config, scan_images(config, std::move(listing), progress));
}

}  // namespace oar
