#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "datasets/image_names.h"
#include "datasets/image_source_kinds.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

/// What a folder holds, and with `recursive` the folders below it.
struct Found {
  std::vector<std::string> images;   ///< paths below the folder
  std::vector<std::string> folders;  ///< of its sub-folders, those that were not walked
  int64_t others = 0;                ///< files that are no images by their extension
  int64_t hidden = 0;                ///< files and folders
  int64_t links = 0;                 ///< to folders
};

/// Calls visit(path below the root, status) for everything in root/below that is not hidden.
template <typename Visit>
void visit_folder(const fs::path& root, const std::string& below, int64_t& hidden,
                  const Visit& visit) {
  for (const fs::directory_entry& entry : fs::directory_iterator(root / below)) {
    const std::string name = entry.path().filename().string();
    if (is_hidden(name)) {
      ++hidden;
      continue;
    }
    std::error_code dangling;  // a link to nowhere: of the type not_found, or none in a loop
    visit(below.empty() ? name : below + "/" + name, entry, entry.status(dangling));
  }
}

Found walk(const fs::path& root, bool recursive) {
  Found found;
  std::vector<std::string> waiting = {""};
  while (!waiting.empty()) {
    const std::string below = std::exchange(waiting.back(), "");
    waiting.pop_back();
    visit_folder(root, below, found.hidden,
                 [&](std::string path, const fs::directory_entry& entry, fs::file_status status) {
                   if (fs::is_directory(status)) {
                     if (entry.is_symlink()) {
                       ++found.links;  // it may lead back here, or to a folder walked already
                     } else {
                       (recursive ? waiting : found.folders).push_back(std::move(path));
                     }
                   } else if (named_as(path) == NamedAs::kOther) {
                     ++found.others;
                   } else {
                     found.images.push_back(std::move(path));
                   }
                 });
  }
  std::sort(found.images.begin(), found.images.end());
  return found;
}

/// Whether there is an image in a folder or below it. What cannot be read counts as none.
bool holds_images(const fs::path& folder) {
  std::error_code error, dangling;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (is_hidden(name)) {
      at.disable_recursion_pending();
    } else if (named_as(name) != NamedAs::kOther && !at->is_directory(dangling)) {
      return true;
    }
  }
  return false;
}

class FolderSource : public ImageSource {
 public:
  FolderSource(const fs::path& root, const SourceOptions& options) : root_(root) {
    description_ = "folder " + quoted(root);
    Found found;
    try {
      found = walk(root, options.recursive);
    } catch (const fs::filesystem_error& error) {
      throw BadData(fmt::format("cannot read the folder {}: {}; check its permissions",
                                quoted(error.path1().empty() ? root : error.path1()),
                                error.code().message()));
    }
    const int64_t skipped =
        std::count_if(found.folders.begin(), found.folders.end(),
                      [&](const std::string& folder) { return holds_images(root / folder); });
    if (found.images.empty()) refuse_empty(found, skipped, options);
    add_notes(found, skipped);
    files_ = std::move(found.images);
    for (const std::string& file : files_) names_.push_back(as_utf8(file));
  }

  void read(const std::function<void(SourceImage)>& visit) const override {
    for (int64_t rank = 0; rank < count(); ++rank) {
      SourceImage image;
      image.rank = rank;
      image.name = names_[rank];
      if (named_as(files_[rank]) == NamedAs::kForeignImage) {
        image.unreadable = foreign_image_reason(files_[rank]);
      } else {
        read_image_file(root_ / files_[rank], image);
      }
      visit(std::move(image));
    }
  }

 private:
  [[noreturn]] void refuse_empty(const Found& found, int64_t skipped,
                                 const SourceOptions& options) const {
    if (skipped > 0) {
      throw BadData(
          fmt::format("no images in the {} itself, but in {} of it; --recursive reads them",
                      description_, counted(skipped, "sub-folder")));
    }
    throw BadData(
        fmt::format("no images in the {}{}: it holds {}; images are .jpg, .jpeg and .png files",
                    description_, options.recursive ? " or below it" : "",
                    found.others > 0 ? counted(found.others, "other file") : "no files"));
  }

  void add_notes(const Found& found, int64_t skipped) {
    if (skipped > 0) {
      notes_.push_back(fmt::format("{} with images {} not read; --recursive reads them",
                                   counted(skipped, "sub-folder"), skipped == 1 ? "was" : "were"));
    }
    if (found.others > 0) {
      notes_.push_back(counted(found.others, "other file") + " passed over");
    }
    if (found.hidden > 0) {
      notes_.push_back(counted(found.hidden, "hidden name") + " passed over");
    }
    if (found.links > 0) {
      notes_.push_back(counted(found.links, "link") + " to folders not followed");
    }
  }

  fs::path root_;
  std::vector<std::string> files_;  ///< names_, byte for byte as on disk
};

}  // namespace

std::unique_ptr<ImageSource> open_folder(const fs::path& path, const SourceOptions& options) {
  return std::make_unique<FolderSource>(path, options);
}

}  // namespace oar
