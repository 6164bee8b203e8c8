#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/weights/known_weights.h"

namespace oar {

/// The folder of weights files: `chosen` if it is not empty, else $OAR_WEIGHTS_DIR, else
/// ${XDG_CACHE_HOME:-~/.cache}/oar-bench/weights, which every clone shares. It need not exist.
///
/// Errors  std::invalid_argument if none of them is set.
std::filesystem::path weights_folder(const std::filesystem::path& chosen = {});

/// The known file of this feature extractor, if it lies in weights_folder() with its size. Only
/// the size is looked at: `weights verify`, and whoever loads the file, look at its SHA-256.
std::optional<std::filesystem::path> installed_weights(std::string_view extractor);

/// What lies in the folder where a known file should be.
struct WeightsState {
  enum class Kind {
    kAbsent,
    kPresent,    ///< a file of the right size
    kWrongSize,  ///< a file of `bytes`
    kPartial,    ///< `bytes` of a download that did not reach its end
    kEmbedded,   ///< part of the program
  };
  Kind kind = Kind::kAbsent;
  int64_t bytes = 0;
};
WeightsState state_of(const KnownWeights& weights, const std::filesystem::path& folder);

/// "absent", "present", "damaged", "partial" or "embedded".
std::string word_of(WeightsState::Kind kind);

/// A weights file on the disk, read whole.
struct WeightsFile {
  std::string sha256;
  int64_t bytes = 0;
  std::string container;                ///< "safetensors", "torch zip" or "torch stream"
  int64_t tensors = 0;                  ///< how many
  int64_t numbers = 0;                  ///< elements of all tensors together
  const KnownWeights* known = nullptr;  ///< which of `known` it is, by SHA-256
};

/// Hashes and reads the file. Objects beside the tensors are left out, as when the program loads a
/// checkpoint; nothing in the file is run.
///
/// Errors  BadWeights if it is no readable weights file; std::system_error if it cannot be opened.
WeightsFile inspect_weights(const std::filesystem::path& file,
                            const std::vector<KnownWeights>& known);

/// Brings a tokenizer of others into the folder, as tokenizers/<name>.safetensors with its sizes
/// inside, and says where it now lies; it needs no configuration from then on. Nothing in the file
/// is run.
///
/// Errors  what read_vqgan_config() and read_vqgan_file() throw; std::invalid_argument if `name` is
///         no plain name of a file, or another tokenizer has it; std::system_error if it cannot be
///         written.
std::filesystem::path import_tokenizer(const std::filesystem::path& file, const std::string& config,
                                       const std::string& name,
                                       const std::filesystem::path& folder);

/// The tokenizers that were imported, by their paths.
std::vector<std::filesystem::path> imported_tokenizers(const std::filesystem::path& folder);

/// Copies a known file into the folder, whatever its name, and says where it now lies. The copy is
/// hashed before it is put in place.
///
/// Errors  BadWeights if the file is not known (with the list of those that are), or not the one
///         called `name` where that is not empty; std::system_error if it cannot be copied.
std::filesystem::path import_weights(const std::filesystem::path& file, const std::string& name,
                                     const std::filesystem::path& folder,
                                     const std::vector<KnownWeights>& known);

}  // namespace oar
