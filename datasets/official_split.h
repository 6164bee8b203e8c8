#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "datasets/image_files.h"

namespace oar {

/// The part of its data set's official split that an image belongs to.
enum class OfficialPart { kTrain, kValidation, kTest };

/// Which image is of which part; `lists` is what messages call the files that say so.
struct OfficialSplit {
  std::string lists;
  std::unordered_map<std::string, OfficialPart> part_of;  ///< by the image's name, no folder
};

/// Splits a listing as its publishers did: training images train, test images are held out.
///
/// An experiment here has two parts, and the numbers of the field are of the test part: images of
/// the validation part are left out, as are those of no part, each kind as one entry of `left_out`.
void split_officially(ImageListing& listing, const OfficialSplit& split,
                      const std::function<std::string(const std::string& file)>& name_of);

/// CelebA's list_eval_partition, as .txt ("000001.jpg 0") or as Kaggle's .csv: 0 training, 1
/// validation, 2 test.
///
/// Errors  BadData with the line that is neither.
OfficialSplit read_celeba_partition(const std::filesystem::path& path);

/// The first of these files that is in the root, or in one of these folders of it; nothing if none.
std::optional<std::filesystem::path> find_file(const std::filesystem::path& root,
                                               const std::vector<std::string>& folders,
                                               const std::vector<std::string>& names);

}  // namespace oar
