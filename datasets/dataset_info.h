#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// What a user should know of a data set before they have it.
struct DatasetInfo {
  std::string name;     ///< of datasets/registry.def
  std::string summary;  ///< one sentence
  std::string layout;   ///< of the files below dataset.root; "none" where it is generated
  std::string source;   ///< where the user gets it: publisher, page
  std::string licence;  ///< of the images

  bool mirrors_allowed = false;    ///< an image keeps its meaning with left and right exchanged
  bool official_split = false;     ///< dataset.split may be "official"
  bool has_classes = false;        ///< labels, from a column or of its own
  bool class_from_column = false;  ///< labels only once dataset.class_column names a column
  bool has_captions = false;       ///< where their files are there
  bool generated = false;          ///< needs no folder
  bool has_images = true;          ///< false: grids of codes from the start
};

/// Every data set: those of images, then those of codes, each in the registry's order.
const std::vector<DatasetInfo>& dataset_infos();

/// Errors  std::invalid_argument with the known names.
const DatasetInfo& dataset_info(std::string_view name);

}  // namespace oar
