#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "datasets/dataset.h"
#include "datasets/planted_path.h"
#include "orders/grid.h"

namespace oar {

// What the sections of a recipe say, in the words of the folders that carry it out. Identities hold
// what decides a stage's result and nothing else.

/// The files below a folder, known by their names and sizes: a look at directories only.
struct FolderContents {
  std::string sha256;  ///< of the sorted names and sizes
  int64_t files = 0;
};

/// Errors  BadData if there is no such folder.
FolderContents contents_of_folder(const std::filesystem::path& root);

DatasetConfig dataset_config_from(const nlohmann::json& section);

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

/// The tokenizer's network, and its training or its brought weights, whose SHA-256 is
/// `weights_sha256`; empty: it is trained.
///
/// Errors  std::invalid_argument for sizes that do not fit each other.
nlohmann::json tokenizer_identity(const nlohmann::json& section, int64_t image_size,
                                  const std::string& weights_sha256);

/// The Transformer of section `model`.
///
/// Errors  std::invalid_argument for sizes that do not fit each other.
nlohmann::json network_identity(const nlohmann::json& section, const Grid& grid,
                                int64_t codebook_size);

/// The members of `object` with these names.
nlohmann::json pick(const nlohmann::json& object, std::initializer_list<const char*> names);

}  // namespace oar
