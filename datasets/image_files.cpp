#include "datasets/image_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <system_error>
#include <utility>

#include "datasets/image_file.h"
#include "datasets/image_names.h"
#include "datasets/parallel.h"
#include "datasets/sha256.h"
#include "datasets/split.h"
#include "datasets/stored_images.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReasonsShown = 5;

void add_file(const fs::path& root, const fs::directory_entry& entry, ImageListing& listing) {
  if (!entry.is_regular_file() || entry.path().filename().string().starts_with('.')) return;
  const std::string file = entry.path().lexically_relative(root).generic_string();
  const NamedAs kind = named_as(file);
  if (kind == NamedAs::kForeignImage) {
    listing.rejected.push_back({as_utf8(file), foreign_image_reason(file)});
  } else if (kind == NamedAs::kOther) {
    ++listing.other_files;
  } else if (as_utf8(file) != file) {
    listing.rejected.push_back({as_utf8(file), "its name is not UTF-8; rename it"});
  } else {
    listing.images.push_back({file, "", -1});
  }
}

template <typename Walk>
ImageListing walk(const fs::path& root, const fs::path& folder) {
  ImageListing listing;
  try {
    for (const fs::directory_entry& entry : Walk(folder)) add_file(root, entry, listing);
  } catch (const fs::filesystem_error& error) {
    throw BadData(fmt::format("cannot read the folder \"{}\": {}; check its permissions",
                              folder.string(), error.code().message()));
  }
  return listing;
}

template <typename Record>
void sort_by_file(std::vector<Record>& records) {
  std::sort(records.begin(), records.end(),
            [](const Record& a, const Record& b) { return a.file < b.file; });
}

/// Looks into one file: its record, or a rejection.
struct Finding {
  ImageRecord record;
  std::string reason;  ///< empty: usable
};

Finding look_into(const ReadImage& read, const ListedImage& listed) {
  Finding finding;
  ImageRecord& record = finding.record;
  record.file = listed.file;
  record.caption = listed.caption;
  record.label = listed.label;
  record.split = listed.split;
  try {
    const std::vector<std::byte> bytes = read(record);
    const ImageSize size = check_image(bytes);
    record.width = size.width;
    record.height = size.height;
    record.sha256 = sha256_hex(bytes);
  } catch (const BrokenImage& error) {
    finding.reason = error.what();
  } catch (const std::system_error& error) {  // fs::filesystem_error is one too
    finding.reason = fmt::format("cannot be read: {}", error.code().message());
  }
  return finding;
}

template <typename Record>
void append(std::vector<Record>& records, std::vector<Record> more) {
  std::move(more.begin(), more.end(), std::back_inserter(records));
}

/// Reports progress of all rounds of a scan, one call at a time.
class Counter {
 public:
  Counter(const ScanProgress& progress, int64_t total) : progress_(progress), total_(total) {}

  void add_to_total(int64_t more) { total_ += more; }

  void one_done() {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress_) progress_(done_, total_);
  }

 private:
  const ScanProgress& progress_;
  std::mutex mutex_;
  int64_t done_ = 0;
  int64_t total_;
};

/// The order in which images are looked into: by path, or by rank if only some are wanted.
void queue_images(const DatasetConfig& config, std::vector<ListedImage>& images) {
  sort_by_file(images);
  if (config.max_images == 0) return;
  std::vector<std::pair<std::string, ListedImage>> queue;
  for (ListedImage& image : images) {
    std::string rank = file_rank("subset", config.seed, image.file);
    queue.emplace_back(std::move(rank), std::move(image));
  }
  std::sort(queue.begin(), queue.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < queue.size(); ++i) images[i] = std::move(queue[i].second);
}

[[noreturn]] void refuse_empty(const DatasetConfig& config, const ImageListing& listing) {
  std::string message = fmt::format("{}: no images in \"{}\"", config.name, config.root.string());
  if (listing.other_files > 0) message += fmt::format(" ({} other files)", listing.other_files);
  for (size_t i = 0; i < std::min(listing.rejected.size(), kReasonsShown); ++i) {
    message += fmt::format("\n  {}: {}", listing.rejected[i].file, listing.rejected[i].reason);
  }
  throw BadData(message + "\n  images are .jpg, .jpeg and .png files; check dataset.root");
}

[[noreturn]] void refuse_broken(const DatasetConfig& config, const DatasetIndex& index) {
  std::string message = fmt::format("{}: none of the {} images in \"{}\" can be used", config.name,
                                    index.rejected.size(), config.root.string());
  for (size_t i = 0; i < std::min(index.rejected.size(), kReasonsShown); ++i) {
    message += fmt::format("\n  {}: {}", index.rejected[i].file, index.rejected[i].reason);
  }
  if (index.rejected.size() > kReasonsShown) {
    message += fmt::format("\n  ... and {} more", index.rejected.size() - kReasonsShown);
  }
  throw BadData(message + "\n  copy the data set again from where it came from");
}

void require_training_images(const DatasetConfig& config, const DatasetIndex& index) {
  const auto trains = [](const ImageRecord& image) { return image.split == Split::kTrain; };
  if (std::any_of(index.images.begin(), index.images.end(), trains)) return;
  throw BadData(fmt::format(
      "{}: none of the {} images in \"{}\" is of the official training part; bring those images "
      "too, or set dataset.split to \"hash\"",
      config.name, index.images.size(), config.root.string()));
}

}  // namespace

ImageListing images_in(const fs::path& root, const fs::path& folder) {
  return walk<fs::directory_iterator>(root, folder);
}

ImageListing images_below(const fs::path& root, const fs::path& folder) {
  return walk<fs::recursive_directory_iterator>(root, folder);
}

void append(ImageListing& listing, ImageListing more) {
  append(listing.images, std::move(more.images));
  append(listing.rejected, std::move(more.rejected));
  append(listing.left_out, std::move(more.left_out));
  listing.other_files += more.other_files;
}

std::vector<fs::path> sub_folders(const fs::path& folder) {
  std::vector<fs::path> folders;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && !name.starts_with('.')) folders.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& error) {
    throw BadData(fmt::format("cannot read the folder \"{}\": {}; check its permissions",
                              folder.string(), error.code().message()));
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

fs::path require_root(const DatasetConfig& config, const std::string& layout) {
  std::error_code ignored;
  const auto refuse = [&](const std::string& found) {
    throw BadData(fmt::format("{}: {}; set dataset.root to {}", config.name, found, layout));
  };
  if (config.root.empty()) refuse("dataset.root is empty");
  const fs::path full = fs::absolute(config.root, ignored);
  if (!fs::exists(full, ignored)) refuse(fmt::format("there is no folder \"{}\"", full.string()));
  if (!fs::is_directory(full, ignored)) {
    refuse(fmt::format("\"{}\" is a file, not a folder", full.string()));
  }
  return config.root;
}

void refuse_columns(const DatasetConfig& config) {
  const auto refuse = [&config](const char* setting, const std::string& value) {
    if (value.empty()) return;
    throw std::invalid_argument(
        fmt::format("{} is \"{}\", but {} has no columns to choose from; leave it out", setting,
                    value, config.name));
  };
  refuse("class_column", config.class_column);
  refuse("caption", config.caption);
}

DatasetIndex scan_images(const DatasetConfig& config, ImageListing listing,
                         const ScanProgress& progress, int64_t threads) {
  const ReadImage read = [&config](const ImageRecord& image) {
    const fs::path path = config.root / image.file;
    if (fs::file_size(path) > static_cast<uintmax_t>(kMaxImageBytes)) {
      throw BrokenImage(fmt::format("larger than {} MB", kMaxImageBytes / 1'000'000));
    }
    return read_bytes(path);
  };
  return scan_images(config, std::move(listing), read, progress, threads);
}

DatasetIndex scan_images(const DatasetConfig& config, ImageListing listing, const ReadImage& read,
                         const ScanProgress& progress, int64_t threads) {
  if (listing.images.empty()) {
    sort_by_file(listing.rejected);
    refuse_empty(config, listing);
  }
  DatasetIndex index;
  index.classes = std::move(listing.classes);
  index.rejected = std::move(listing.rejected);
  queue_images(config, listing.images);

  const auto listed = static_cast<int64_t>(listing.images.size());
  const int64_t wanted = config.max_images == 0 ? listed : std::min(config.max_images, listed);
  Counter counter(progress, 0);
  for (int64_t begin = 0; begin < listed;) {  // broken images of a subset are made up for
    const int64_t missing = wanted - static_cast<int64_t>(index.images.size());
    const int64_t count = std::min(missing, listed - begin);
    if (count == 0) break;
    counter.add_to_total(count);
    std::vector<Finding> findings(count);
    parallel_for(count, threads, [&](int64_t i) {
      findings[i] = look_into(read, listing.images[begin + i]);
      counter.one_done();
    });
    for (Finding& finding : findings) {
      if (finding.reason.empty()) {
        index.images.push_back(std::move(finding.record));
      } else {
        index.rejected.push_back({finding.record.file, finding.reason});
      }
    }
    begin += count;
  }
  sort_by_file(index.images);
  sort_by_file(index.rejected);
  if (index.images.empty()) refuse_broken(config, index);
  append(index.rejected, std::move(listing.left_out));
  sort_by_file(index.rejected);
  if (config.split == "official") {
    require_training_images(config, index);
  } else {
    assign_splits(index.images, config.held_out, config.seed);
  }
  return index;
}

std::unique_ptr<Dataset> open_image_files(const DatasetConfig& config, DatasetIndex index) {
  require_root(config, "the folder the data set was scanned in");
  for (const ImageRecord& record : index.images) {
    const fs::path path = record.file;
    if (path.empty() || path.is_absolute() ||
        std::find(path.begin(), path.end(), "..") != path.end()) {
      throw BadData(fmt::format(
          "{}: the stored index names \"{}\", which is not below the root; delete the stored "
          "dataset stage so that it is scanned again",
          config.name, record.file));
    }
  }
  return open_stored_images(
      config, std::move(index),
      [root = config.root](const ImageRecord& image) { return read_bytes(root / image.file); });
}

}  // namespace oar
