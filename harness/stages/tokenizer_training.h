#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "models/vqgan/trainer_options.h"

namespace oar {

/// The files that a tokenizer's section names; empty where it names none.
struct TokenizerFiles {
  std::string weights;             ///< a tokenizer to import
  std::string perceptual_weights;  ///< VGG-16 for LPIPS
  std::string perceptual_linear;   ///< LPIPS's linear layers, where another file has them
};

TokenizerFiles tokenizer_files(const nlohmann::json& section);

/// The SHA-256 of the file at a path.
using HashOfFile = std::function<std::string(const std::string& path)>;

/// What decides a training beside its network, from section `tokenizer`. Options that are younger
/// than the store stand in it where they differ from what trainings did before, so that artifacts
/// keep their keys.
nlohmann::json training_identity(const nlohmann::json& section, const HashOfFile& hash_of_file);

/// The options that it stands for.
TrainerOptions trainer_options_from(const nlohmann::json& training, const std::string& preset);

}  // namespace oar
