#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "datasets/augmentation.h"
#include "datasets/dataset.h"
#include "datasets/planted_path.h"
#include "harness/stages/tokenizer_training.h"
#include "orders/grid.h"

namespace oar {

// What the sections of a recipe say, in the words of the folders that carry it out. Identities hold
// what decides a stage's result and nothing else.

/// The files below a folder, known by their names and sizes: a look at directories only. One tar
/// is known by its own, and is not the folder that holds nothing else: images are named otherwise.
struct FolderContents {
  std::string sha256;  ///< of the sorted names and sizes
  int64_t files = 0;
};

/// Errors  BadData if there is no such folder.
FolderContents contents_of_folder(const std::filesystem::path& root);

DatasetConfig dataset_config_from(const nlohmann::json& section);

/// What the tokenizer's training may change about its images, as a member of its identity; null
/// where nothing is.
nlohmann::json augmentation_identity(const nlohmann::json& dataset,
                                     const nlohmann::json& tokenizer);
/// The same, out of the identity of a training.
Augmentation augmentation_from(const nlohmann::json& training);

/// Data sets that need no folder, and those that are codes from the start.
bool is_generated(const std::string& dataset);
bool is_token_dataset(const std::string& dataset);

/// The options that a data set of this kind reads, without its folder.
nlohmann::json dataset_identity(nlohmann::json section);

/// The one order that `name` gives every image: int64 [N].
torch::Tensor path_of(const std::string& name, const Grid& grid, uint64_t seed);

PlantedPathConfig planted_path_from(const nlohmann::json& section);

/// What the codes of a data set depend on beside the tokenizer: what is done to them on purpose.
/// Empty where nothing is.
nlohmann::json damage_identity(const nlohmann::json& section);

/// The tokenizer's network, and its training or its brought weights. Files count by their SHA-256.
///
/// Errors  std::invalid_argument for sizes that do not fit each other; what `hash_of_file` throws.
nlohmann::json tokenizer_identity(const nlohmann::json& section, int64_t image_size,
                                  const HashOfFile& hash_of_file);

/// The Transformer of section `model`.
///
/// Errors  std::invalid_argument for sizes that do not fit each other.
nlohmann::json network_identity(const nlohmann::json& section, const Grid& grid,
                                int64_t codebook_size);

/// The members of `object` with these names.
nlohmann::json pick(const nlohmann::json& object, std::initializer_list<const char*> names);

}  // namespace oar
