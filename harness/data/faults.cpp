#include "harness/data/faults.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "datasets/image_names.h"

namespace oar {
namespace {

constexpr int64_t kCutInHalf = 2;    // times the short side
constexpr double kCommonSize = 0.9;  // share of the images that have it

DuplicateGroup group_of(const DatasetIndex& index, std::vector<int64_t> images) {
  DuplicateGroup group;
  group.images = std::move(images);
  std::sort(group.images.begin(), group.images.end());
  std::set<int64_t> labels;
  std::set<std::string> captions;
  std::set<Split> splits;
  for (const int64_t i : group.images) {
    const ImageRecord& image = index.images[i];
    splits.insert(image.split);
    labels.insert(image.label);
    if (!image.caption.empty()) captions.insert(image.caption);
  }
  group.leaked = splits.size() > 1;
  labels.erase(-1);  // no label contradicts none
  group.labels_differ = labels.size() > 1;
  group.captions_differ = captions.size() > 1;
  return group;
}

std::vector<DuplicateGroup> find_duplicates(const DatasetIndex& index,
                                            const ImageContents& contents) {
  std::vector<int64_t> queue;
  for (size_t i = 0; i < contents.hashes.size(); ++i) {
    if (contents.hashes[i]) queue.push_back(static_cast<int64_t>(i));
  }
  const auto content = [&](int64_t i) -> const ContentHash& { return *contents.hashes[i]; };
  std::sort(queue.begin(), queue.end(),
            [&](int64_t a, int64_t b) { return content(a) < content(b); });
  std::vector<DuplicateGroup> groups;
  for (auto begin = queue.begin(); begin != queue.end();) {
    const auto end =
        std::find_if(begin, queue.end(), [&](int64_t i) { return content(i) != content(*begin); });
    if (end - begin > 1) {
      groups.push_back(group_of(index, {begin, end}));
      groups.back().content = content(*begin);
    }
    begin = end;
  }
  std::sort(groups.begin(), groups.end(), [](const DuplicateGroup& a, const DuplicateGroup& b) {
    return a.images.front() < b.images.front();
  });
  return groups;
}

/// The size that nine in ten images have; none: {0, 0}.
std::pair<int64_t, int64_t> common_size(const DatasetIndex& index) {
  std::map<std::pair<int64_t, int64_t>, int64_t> sizes;
  for (const ImageRecord& image : index.images) ++sizes[{image.width, image.height}];
  for (const auto& [size, count] : sizes) {
    if (static_cast<double>(count) >= kCommonSize * static_cast<double>(index.images.size())) {
      return size;
    }
  }
  return {0, 0};
}

/// Where a file belongs that the scan left out: entries of tables speak for many images.
std::vector<RejectedFile>& list_for(const RejectedFile& file, Faults& faults) {
  if (named_as(file.file) == NamedAs::kForeignImage) return faults.unread;
  const std::string extension = std::filesystem::path(file.file).extension().string();
  const bool table = extension == ".csv" || extension == ".txt" || extension == ".pickle";
  return table ? faults.noted : faults.broken;
}

}  // namespace

int64_t Faults::leaked_groups() const {
  return std::count_if(duplicates.begin(), duplicates.end(),
                       [](const DuplicateGroup& group) { return group.leaked; });
}

Faults find_faults(const DatasetIndex& index, const ImageContents& contents, int64_t tiny) {
  Faults faults;
  for (const RejectedFile& file : index.rejected) {
    list_for(file, faults).push_back(file);
  }
  faults.broken.insert(faults.broken.end(), contents.broken.begin(), contents.broken.end());
  std::sort(faults.broken.begin(), faults.broken.end(),
            [](const RejectedFile& a, const RejectedFile& b) { return a.file < b.file; });
  faults.duplicates = find_duplicates(index, contents);

  const DatasetCounts counts = count_images(index);
  const std::pair<int64_t, int64_t> common = common_size(index);
  for (int64_t i = 0; i < counts.images; ++i) {
    const ImageRecord& image = index.images[i];
    const auto [narrow, wide] = std::minmax(image.width, image.height);
    if (narrow < tiny) faults.tiny.push_back(i);
    if (wide > kCutInHalf * narrow) faults.cut_in_half.push_back(i);
    if (common.first > 0 && common != std::pair(image.width, image.height)) {
      faults.of_other_size.push_back(i);
    }
    if (image.caption.empty() && counts.without_caption < counts.images) {
      faults.without_caption.push_back(i);
    }
    if (image.label < 0 && !index.classes.empty()) faults.without_label.push_back(i);
  }
  return faults;
}

std::vector<std::string> files_to_remove(const DatasetIndex& index, const Faults& faults) {
  std::vector<std::string> files;
  for (const RejectedFile& file : faults.broken) {
    if (named_as(file.file) == NamedAs::kImage)
      files.push_back(file.file);  // no archive as a whole
  }
  for (const DuplicateGroup& group : faults.duplicates) {
    const auto said = [&](int64_t i) {
      const ImageRecord& image = index.images[i];
      // Held-out images are what others report on: they stay before all.
      return (image.split == Split::kHeldOut ? 4 : 0) + (image.label >= 0 ? 1 : 0) +
             (image.caption.empty() ? 0 : 1);
    };
    const auto stays =
        std::max_element(group.images.begin(), group.images.end(),
                         [&](int64_t a, int64_t b) { return said(a) < said(b); });  // the first
    for (const int64_t i : group.images) {
      if (i != *stays) files.push_back(index.images[i].file);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace oar
