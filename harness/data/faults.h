#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "harness/data/image_contents.h"

namespace oar {

/// Images that show the same, pixel for pixel.
struct DuplicateGroup {
  ContentHash content;
  std::vector<int64_t> images;   ///< positions in the index, ascending; at least two
  bool leaked = false;           ///< some are trained on and some are held out
  bool labels_differ = false;    ///< they are of several classes
  bool captions_differ = false;  ///< of those that have a caption
};

/// What is wrong with a data set, or deserves a look. Positions are those of the index, ascending.
struct Faults {
  std::vector<RejectedFile> broken;        ///< images that cannot be used
  std::vector<RejectedFile> unread;        ///< images of formats that are not read
  std::vector<RejectedFile> noted;         ///< rows without an image, and what else the data set's
                                           ///< own tables say of images that are not there
  std::vector<DuplicateGroup> duplicates;  ///< by first image
  std::vector<int64_t> tiny;               ///< short side below `tiny` pixels
  std::vector<int64_t> cut_in_half;        ///< long side over twice the short one: a square of
                                           ///< it shows less than half
  std::vector<int64_t> of_other_size;      ///< where nine in ten share one size: the rest
  std::vector<int64_t> without_caption;    ///< where others have one
  std::vector<int64_t> without_label;      ///< where there are classes

  int64_t leaked_groups() const;
  /// Images that a run should not see as they are: broken files, and what was held out and trained
  /// on at once. The rest are warnings.
  bool bad() const { return !broken.empty() || leaked_groups() > 0; }
};

/// Finds all of them.
///
/// Units  tiny in pixels.
Faults find_faults(const DatasetIndex& index, const ImageContents& contents, int64_t tiny);

/// What to remove so that no image is broken and each is there once: broken files, and all but one
/// of each group of duplicates. The one that stays has a label and a caption, if any has; of
/// several, the first by name. Sorted.
std::vector<std::string> files_to_remove(const DatasetIndex& index, const Faults& faults);

}  // namespace oar
