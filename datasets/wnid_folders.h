#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "datasets/image_files.h"

namespace oar {

/// Whether a folder is named as WordNet's nouns are: "n" and eight digits.
bool is_wnid(std::string_view name);

/// Images whose classes are WordNet IDs: what ImageNet and Tiny ImageNet have in common.
class WnidListing {
 public:
  explicit WnidListing(std::filesystem::path root) : root_(std::move(root)) {}

  /// Every image below `folder`/WNID, however deep.
  ///
  /// Errors  BadData if there is no such folder, or none in it is named by a WNID.
  void add_folders(const std::filesystem::path& folder, Split split);

  /// The images of a flat folder; `wnid_of` knows them by their names without extension. Images
  /// that it does not know have no class.
  void add_flat(const std::filesystem::path& folder, Split split,
                const std::unordered_map<std::string, std::string>& wnid_of);

  /// The listing: classes are the WNIDs, sorted, and captions the words of an image's class.
  ImageListing finish(const std::unordered_map<std::string, std::string>& words) &&;

 private:
  std::filesystem::path root_;
  ImageListing listing_;
  std::vector<std::string> wnids_;  ///< of the listed images; empty: unknown
};

/// A list of WNIDs and their words, one a line: "n01440764 tench, Tinca tinca"; blank or tab
/// between.
///
/// Errors  BadData with the line that is none.
std::unordered_map<std::string, std::string> read_wnid_words(const std::filesystem::path& path);

}  // namespace oar
