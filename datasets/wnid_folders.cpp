#include "datasets/wnid_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "datasets/name_list.h"

namespace oar {

namespace fs = std::filesystem;

bool is_wnid(std::string_view name) {
  return name.size() == 9 && name[0] == 'n' &&
         name.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

void WnidListing::add_folders(const fs::path& folder, Split split) {
  const std::vector<fs::path> classes = sub_folders(folder);
  size_t found = 0;
  for (const fs::path& path : classes) {
    const std::string wnid = path.filename().string();
    if (!is_wnid(wnid)) continue;
    ++found;
    ImageListing images = images_below(root_, path);
    for (ListedImage& image : images.images) image.split = split;
    wnids_.insert(wnids_.end(), images.images.size(), wnid);
    append(listing_, std::move(images));
  }
  if (found == classes.size() && found > 0) return;
  const auto other = std::find_if(classes.begin(), classes.end(), [](const fs::path& path) {
    return !is_wnid(path.filename().string());
  });
  throw BadData(fmt::format(
      "\"{}\" must hold one folder per class, named by its WordNet ID (n01440764), and {}; for "
      "folders of other names use the data set image_folder",
      folder.string(),
      found == classes.size() ? "holds no folder"
                              : fmt::format("holds \"{}\"", other->filename().string())));
}

void WnidListing::add_flat(const fs::path& folder, Split split,
                           const std::unordered_map<std::string, std::string>& wnid_of) {
  ImageListing images = images_in(root_, folder);
  for (ListedImage& image : images.images) {
    image.split = split;
    const auto wnid = wnid_of.find(fs::path(image.file).stem().string());
    wnids_.push_back(wnid == wnid_of.end() ? "" : wnid->second);
  }
  append(listing_, std::move(images));
}

ImageListing WnidListing::finish(const std::unordered_map<std::string, std::string>& words) && {
  std::set<std::string> classes(wnids_.begin(), wnids_.end());
  classes.erase("");
  listing_.classes.assign(classes.begin(), classes.end());
  for (size_t i = 0; i < listing_.images.size(); ++i) {
    if (wnids_[i].empty()) continue;
    ListedImage& image = listing_.images[i];
    const auto place =
        std::lower_bound(listing_.classes.begin(), listing_.classes.end(), wnids_[i]);
    image.label = place - listing_.classes.begin();
    const auto found = words.find(wnids_[i]);
    if (found != words.end()) image.caption = found->second;
  }
  return std::move(listing_);
}

std::unordered_map<std::string, std::string> read_wnid_words(const fs::path& path) {
  std::unordered_map<std::string, std::string> words;
  for (const std::string& line : read_lines(path)) {
    const size_t gap = std::min(line.find_first_of(" \t"), line.size());
    const size_t rest = line.find_first_not_of(" \t", gap);
    if (!is_wnid(line.substr(0, gap)) || rest == std::string::npos) {
      throw BadData(
          fmt::format("\"{}\": the line \"{}\" is no WordNet ID and its words; copy the file again",
                      path.string(), line.substr(0, 80)));
    }
    words.emplace(line.substr(0, gap), line.substr(rest));
  }
  return words;
}

}  // namespace oar
