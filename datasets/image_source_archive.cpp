#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "datasets/archive_reader.h"
#include "datasets/image_file.h"
#include "datasets/image_names.h"
#include "datasets/image_source_kinds.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

/// What an archive holds.
struct Listing {
  std::vector<std::string> images;  ///< sorted, bytewise
  int64_t arrays = 0;               ///< .npy files
  int64_t others = 0;
  int64_t hidden = 0;
};

[[noreturn]] void refuse(const fs::path& path, const std::string& entry, const std::string& why) {
  throw BadData(fmt::format("{}: entry \"{}\" is refused: {}", quoted(path), as_utf8(entry), why));
}

bool is_image_entry(const ArchiveEntry& entry) {
  return !is_hidden(entry.path) && named_as(entry.path) != NamedAs::kOther;
}

Listing list_archive(const fs::path& path, ArchiveFormat format) {
  ArchiveReader archive(path, format);
  Listing listing;
  while (std::optional<ArchiveEntry> entry = archive.next()) {
    if (is_hidden(entry->path)) {
      ++listing.hidden;
    } else if (is_image_entry(*entry)) {
      if (entry->size > kMaxImageBytes) {
        refuse(path, entry->path,
               fmt::format("it is larger than {} MB", kMaxImageBytes / 1'000'000));
      }
      listing.images.push_back(std::move(entry->path));
    } else {
      ++(entry->path.ends_with(".npy") ? listing.arrays : listing.others);
    }
  }
  std::sort(listing.images.begin(), listing.images.end());
  const auto twice = std::adjacent_find(listing.images.begin(), listing.images.end());
  if (twice != listing.images.end()) refuse(path, *twice, "two entries have this name");
  return listing;
}

class ArchiveSource : public ImageSource {
 public:
  ArchiveSource(const fs::path& path, ArchiveFormat format, Listing listing)
      : path_(path), format_(format), entries_(std::move(listing.images)) {
    description_ =
        fmt::format("{} archive {}", format == ArchiveFormat::kTar ? "tar" : "zip", quoted(path));
    const int64_t others = listing.others + listing.arrays;
    if (entries_.empty()) {
      throw BadData(
          fmt::format("no images in the {}: it holds {}; images are .jpg, .jpeg and .png files",
                      description_, others > 0 ? counted(others, "other file") : "no files"));
    }
    if (others > 0) notes_.push_back(counted(others, "other file") + " passed over");
    if (listing.hidden > 0) {
      notes_.push_back(counted(listing.hidden, "hidden file") + " passed over");
    }
    for (const std::string& entry : entries_) names_.push_back(as_utf8(entry));
  }

  void read(const std::function<void(SourceImage)>& visit) const override {
    ArchiveReader archive(path_, format_);
    int64_t seen = 0;
    while (const std::optional<ArchiveEntry> entry = archive.next()) {
      if (!is_image_entry(*entry)) continue;
      const auto place = std::lower_bound(entries_.begin(), entries_.end(), entry->path);
      if (place == entries_.end() || *place != entry->path || entry->size > kMaxImageBytes) {
        refuse_changed();
      }
      ++seen;
      visit(read_image(archive, place - entries_.begin()));
    }
    if (seen != count()) refuse_changed();
  }

 private:
  SourceImage read_image(ArchiveReader& archive, int64_t rank) const {
    SourceImage image;
    image.rank = rank;
    image.name = names_[rank];
    if (named_as(entries_[rank]) == NamedAs::kForeignImage) {
      image.unreadable = foreign_image_reason(entries_[rank]);
    } else {
      image.bytes = archive.read_all();
    }
    return image;
  }

  [[noreturn]] void refuse_changed() const {
    throw BadData(fmt::format("{} has changed since it was opened; start again", quoted(path_)));
  }

  fs::path path_;
  ArchiveFormat format_;
  std::vector<std::string> entries_;  ///< names_, byte for byte as in the archive
};

}  // namespace

std::unique_ptr<ImageSource> open_tar(const fs::path& path) {
  return std::make_unique<ArchiveSource>(path, ArchiveFormat::kTar,
                                         list_archive(path, ArchiveFormat::kTar));
}

std::unique_ptr<ImageSource> open_zip(const fs::path& path) {
  Listing listing = list_archive(path, ArchiveFormat::kZip);
  if (listing.images.empty() && listing.arrays > 0) return open_npz(path);
  return std::make_unique<ArchiveSource>(path, ArchiveFormat::kZip, std::move(listing));
}

}  // namespace oar
