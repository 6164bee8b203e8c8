#include "datasets/official_split.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "datasets/name_list.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

void say_left_out(ImageListing& listing, const OfficialSplit& split, int64_t count,
                  const std::string& what) {
  if (count == 0) return;
  listing.left_out.push_back(
      {split.lists, fmt::format("{} images {}: neither trained on nor held out", count, what)});
}

[[noreturn]] void refuse_line(const fs::path& path, const std::string& line) {
  throw BadData(fmt::format(
      "\"{}\": the line \"{}\" is no image and its part, as in \"000001.jpg 0\" (0 training, 1 "
      "validation, 2 test); copy the file again",
      path.string(), line.substr(0, 80)));
}

}  // namespace

void split_officially(ImageListing& listing, const OfficialSplit& split,
                      const std::function<std::string(const std::string& file)>& name_of) {
  int64_t validation = 0, unlisted = 0;
  std::vector<ListedImage> kept;
  for (ListedImage& image : listing.images) {
    const auto part = split.part_of.find(name_of(image.file));
    if (part == split.part_of.end()) {
      ++unlisted;
    } else if (part->second == OfficialPart::kValidation) {
      ++validation;
    } else {
      image.split = part->second == OfficialPart::kTrain ? Split::kTrain : Split::kHeldOut;
      kept.push_back(std::move(image));
    }
  }
  if (kept.empty() && !listing.images.empty()) {
    throw BadData(fmt::format(
        "none of the {} images is a training or test image of {}; check that both are of the same "
        "data set, or set dataset.split to \"hash\"",
        listing.images.size(), split.lists));
  }
  listing.images = std::move(kept);
  say_left_out(listing, split, validation, "of the official validation part are left out");
  say_left_out(listing, split, unlisted, "are of no official part and left out");
}

OfficialSplit read_celeba_partition(const fs::path& path) {
  OfficialSplit split{path.filename().string(), {}};
  for (const std::string& line : read_lines(path)) {
    if (line.starts_with("image_id")) continue;  // Kaggle's header
    const size_t gap = line.find_first_of(" \t,");
    const std::string part =
        gap == std::string::npos ? "" : line.substr(line.find_last_of(" \t,") + 1);
    if (part != "0" && part != "1" && part != "2") refuse_line(path, line);
    split.part_of.emplace(line.substr(0, gap), static_cast<OfficialPart>(part[0] - '0'));
  }
  return split;
}

std::optional<fs::path> find_file(const fs::path& root, const std::vector<std::string>& folders,
                                  const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (fs::is_regular_file(root / name)) return root / name;
    for (const std::string& folder : folders) {
      if (fs::is_regular_file(root / folder / name)) return root / folder / name;
    }
  }
  return std::nullopt;
}

}  // namespace oar
