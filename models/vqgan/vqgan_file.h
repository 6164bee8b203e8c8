// Tokenizers in files: those of others, and those that were imported.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/vqgan/config.h"
#include "models/vqgan/vqgan.h"
#include "models/weights/tensor_file.h"

namespace oar {

/// The sizes as JSON, under the names of VqganConfig's fields.
nlohmann::json to_json(const VqganConfig& config);
VqganConfig vqgan_config_from(const nlohmann::json& json);

/// A tokenizer whose weights others have published.
struct PublishedVqgan {
  const char* name;
  const char* what;
  VqganConfig config;
};

/// Those whose sizes this program knows: `taming_f16_1024`, `taming_f16_16384`, `llamagen_f16` and
/// `llamagen_f8`.
const std::vector<PublishedVqgan>& published_vqgans();

/// Their names, with commas between them.
std::string published_vqgan_names();

/// The sizes of a tokenizer: those of a published one, by its name, or those that a file states.
/// The file is YAML or JSON: taming-transformers' configuration of a VQModel (`model.params` with
/// `embed_dim`, `n_embed` and `ddconfig`), or an object of VqganConfig's fields, as to_json()
/// writes.
///
/// Errors  std::invalid_argument with the file and the key: one that is missing or out of range, or
///         says that the network is one that this program does not have (double_z, a Gumbel
///         quantiser, other than three channels, ...); std::system_error if it cannot be read.
VqganConfig read_vqgan_config(const std::string& name_or_file);

/// Gives tensors the names that Vqgan has, which are taming-transformers': takes off what stands in
/// front of all of them ("model."), and turns LlamaGen's names (`conv_blocks`, `mid.0`) into
/// taming's. Everything else keeps its name.
///
/// Errors  BadWeights with `source` if they hold several tokenizers.
/// Source  taming-transformers, models/vqgan.py; LlamaGen, tokenizer_image/vq_model.py.
TensorMap taming_names(const TensorMap& tensors, const std::string& source);

/// A tokenizer out of a file of weights: a Lightning checkpoint, torch's zip or old container, or
/// safetensors. Without a `config` the file must state its sizes itself, as those of
/// write_vqgan_file() do. Losses, and what trainings note beside the weights, are left out.
///
/// Errors  BadWeights that lists the missing, mis-shaped and unexpected tensors; what
///         read_vqgan_config() throws; std::invalid_argument if the sizes are stated nowhere.
Vqgan read_vqgan_file(const std::filesystem::path& weights,
                      const std::optional<VqganConfig>& config);

/// The sizes that a file of weights states itself; nothing for most files.
///
/// Errors  BadWeights if what it states are no sizes; std::system_error if it cannot be read.
std::optional<VqganConfig> stated_vqgan_config(const std::filesystem::path& weights);

/// Writes the tokenizer as safetensors with its sizes inside, atomically.
///
/// Errors  std::system_error with the path.
void write_vqgan_file(const std::filesystem::path& path, const Vqgan& tokenizer);

}  // namespace oar
