#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "datasets/binary_file.h"
#include "datasets/image_file.h"
#include "datasets/image_files.h"
#include "datasets/parallel.h"
#include "datasets/stored_images.h"
#include "datasets/utf8.h"
#include "datasets/web_shard.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kLayout[] = "a folder of .tar shards, or one .tar";

bool is_one_tar(const fs::path& root) {
  return root.extension() == ".tar" && fs::is_regular_file(root);
}

/// Reads single images out of uncompressed tars. A shard's headers are walked when its first image
/// is asked for; from then on an image is one read. May be shared by threads.
class TarImages {
 public:
  explicit TarImages(fs::path root) : root_(std::move(root)), is_tar_(is_one_tar(root_)) {}

  std::vector<std::byte> read(const ImageRecord& image) {
    const auto [shard, member] = split_path(image.file);
    const Places& places = places_in(shard);
    const auto place = places.find(member);
    if (place == places.end()) {
      throw std::system_error(ENOENT, std::generic_category(), (root_ / image.file).string());
    }
    if (place->second.size > kMaxImageBytes) {
      throw BrokenImage(fmt::format("larger than {} MB", kMaxImageBytes / 1'000'000));
    }
    std::vector<std::byte> bytes(place->second.size);
    bytes.resize(InputFile(shard).read_at(place->second.offset, bytes));
    return bytes;
  }

 private:
  using Places = std::unordered_map<std::string, TarPlace>;

  /// "a/shard-000.tar/b/7.jpg" as the shard's path and the path within it.
  std::pair<fs::path, std::string> split_path(const std::string& file) const {
    if (is_tar_) return {root_, file};
    for (size_t at = 0; (at = file.find(".tar/", at)) != std::string::npos; ++at) {
      fs::path shard = root_ / file.substr(0, at + 4);
      if (fs::is_regular_file(shard)) return {std::move(shard), file.substr(at + 5)};
    }
    throw std::system_error(ENOENT, std::generic_category(), (root_ / file).string());
  }

  const Places& places_in(const fs::path& shard) {
    const std::lock_guard lock(mutex_);
    const auto known = places_of_.find(shard.string());
    if (known != places_of_.end()) return known->second;
    return places_of_.emplace(shard.string(), places_in_tar(shard)).first->second;
  }

  fs::path root_;
  bool is_tar_;
  std::mutex mutex_;
  std::map<std::string, Places> places_of_;  // references to its values stay good
};

/// The shards below a folder, sorted by path.
std::vector<fs::path> shards_in(const fs::path& root, ImageListing& listing) {
  if (is_one_tar(root)) return {root};
  std::vector<fs::path> shards;
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      if (!entry.is_regular_file() || name.starts_with('.')) continue;
      if (name.ends_with(".tar")) {
        shards.push_back(entry.path());
      } else if (name.find(".tar.") != std::string::npos || name.ends_with(".tgz")) {
        throw BadData(fmt::format(
            "webdataset: {} is compressed, so no image in it can be read by itself; unpack it to a "
            "plain .tar (gunzip, unxz, zstd -d): images hardly compress",
            quoted(entry.path())));
      } else {
        ++listing.other_files;
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw BadData(fmt::format("cannot read the folder \"{}\": {}; check its permissions",
                              root.string(), error.code().message()));
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

constexpr size_t kMaxLabel = 256;  // bytes

/// Classes are the labels. Numbers are written with as many digits as the largest has, so that they
/// sort as numbers do.
void set_classes(ImageListing& listing, std::vector<std::string> labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].size() > kMaxLabel) {
      throw BadData(fmt::format("webdataset: the label of \"{}\" has {} bytes; accepted: up to {}",
                                listing.images[i].file, labels[i].size(), kMaxLabel));
    }
  }
  const bool numbers = std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return label.find_first_not_of("0123456789") == std::string::npos;
  });
  size_t digits = 0;
  for (const std::string& label : labels) digits = std::max(digits, label.size());
  std::map<std::string, int64_t> number_of;
  for (std::string& label : labels) {
    if (label.empty()) continue;
    if (numbers) label.insert(0, digits - label.size(), '0');
    number_of.emplace(label, 0);
  }
  for (auto& [name, number] : number_of) {
    number = static_cast<int64_t>(listing.classes.size());
    listing.classes.push_back(name);
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (!labels[i].empty()) listing.images[i].label = number_of.at(labels[i]);
  }
}

ImageListing list_samples(const fs::path& root) {
  ImageListing listing;
  const std::vector<fs::path> paths = shards_in(root, listing);
  std::vector<WebShard> shards(paths.size());
  parallel_for(std::ssize(paths), 0, [&](int64_t i) { shards[i] = read_web_shard(paths[i]); });
  std::vector<std::string> labels;
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string name =
        paths[i] == root ? "" : paths[i].lexically_relative(root).generic_string() + "/";
    if (as_utf8(name) != name) {
      listing.rejected.push_back({as_utf8(name), "its name is not UTF-8; rename it"});
      continue;
    }
    for (RejectedFile& file : shards[i].rejected) {
      listing.rejected.push_back({name + file.file, std::move(file.reason)});
    }
    for (WebSample& sample : shards[i].samples) {
      listing.images.push_back({name + sample.image, std::move(sample.caption), -1});
      labels.push_back(std::move(sample.label));
    }
    listing.other_files += shards[i].other_files;
  }
  set_classes(listing, std::move(labels));
  return listing;
}

}  // namespace

ReadImage web_image_reader(const fs::path& root) {
  return [images = std::make_shared<TarImages>(root)](const ImageRecord& image) {
    return images->read(image);
  };
}

std::unique_ptr<Dataset> open_webdataset(const DatasetConfig& config, DatasetIndex index) {
  if (!is_one_tar(config.root)) require_root(config, "the folder the data set was scanned in");
  return open_stored_images(config, std::move(index), web_image_reader(config.root));
}

/// Tar shards in WebDataset form, read in place: nothing is unpacked. An image is called
/// "shard-000.tar/KEY.jpg", or "KEY.jpg" where the root is one tar.
///
/// Classes are the labels of KEY.cls or KEY.json; captions are KEY.txt or "caption" of KEY.json.
/// Samples without an image are passed over, and other parts may be missing.
std::unique_ptr<Dataset> make_webdataset(const DatasetConfig& config,
                                         const ScanProgress& progress) {
  refuse_columns(config);
  const fs::path root = is_one_tar(config.root) ? config.root : require_root(config, kLayout);
  ImageListing listing = list_samples(root);
  return open_webdataset(config,
                         scan_images(config, std::move(listing), web_image_reader(root), progress));
}

}  // namespace oar
