#include "harness/stages/tokenizer_training.h"

namespace oar {
namespace {

using nlohmann::json;

template <typename T>
void override_by(const json& section, const char* option, T& value) {
  if (!section.at(option).is_null()) section.at(option).get_to(value);
}

TrainerOptions options_of(const json& section) {
  TrainerOptions options = trainer_preset(section.at("preset"));
  override_by(section, "images_seen", options.images_seen);
  override_by(section, "batch_size", options.batch_size);
  override_by(section, "learning_rate", options.learning_rate);
  override_by(section, "perceptual_weight", options.perceptual_weight);
  override_by(section, "discriminator_weight", options.discriminator_weight);
  override_by(section, "discriminator_start", options.discriminator_start);
  override_by(section, "commitment", options.commitment);
  section.at("dead_after").get_to(options.dead_after);
  section.at("micro_batch").get_to(options.micro_batch);
  section.at("codebook_decay").get_to(options.codebook_decay);
  return options;
}

}  // namespace

TokenizerFiles tokenizer_files(const json& section) {
  return {section.at("weights"), section.at("perceptual_weights"), section.at("perceptual_linear")};
}

json training_identity(const json& section, const HashOfFile& hash_of_file) {
  const TrainerOptions options = options_of(section), before;
  json training = {{"images_seen", options.images_seen},
                   {"batch_size", options.batch_size},
                   {"learning_rate", options.learning_rate},
                   {"perceptual_weight", options.perceptual_weight},
                   {"discriminator_weight", options.discriminator_weight},
                   {"discriminator_start", options.discriminator_start},
                   {"seed", section.at("seed")}};
  if (options.commitment != before.commitment) training["commitment"] = options.commitment;
  if (section.at("legacy_beta") == "on") training["legacy_beta"] = true;
  if (section.at("codebook_start") == "random") training["codebook_start"] = "random";
  if (section.at("codebook_update") == "ema") {
    training["codebook_update"] = "ema";
    training["codebook_decay"] = options.codebook_decay;
  }
  if (options.dead_after != before.dead_after) training["dead_after"] = options.dead_after;
  // Parts as large as the batch are the batch, but for what a discriminator does without memory.
  const bool parts = options.micro_batch > 0 && options.micro_batch < options.batch_size;
  if (parts || (options.micro_batch > 0 && options.discriminator_weight > 0)) {
    training["micro_batch"] = options.micro_batch;
  }
  const TokenizerFiles files = tokenizer_files(section);
  if (options.perceptual_weight > 0 && !files.perceptual_weights.empty()) {
    json& sha256 = training["perceptual_sha256"] = json::array();
    sha256.push_back(hash_of_file(files.perceptual_weights));
    if (!files.perceptual_linear.empty()) sha256.push_back(hash_of_file(files.perceptual_linear));
  }
  return training;
}

TrainerOptions trainer_options_from(const json& training, const std::string& preset) {
  TrainerOptions options = trainer_preset(preset);
  training.at("images_seen").get_to(options.images_seen);
  training.at("batch_size").get_to(options.batch_size);
  training.at("learning_rate").get_to(options.learning_rate);
  training.at("perceptual_weight").get_to(options.perceptual_weight);
  training.at("discriminator_weight").get_to(options.discriminator_weight);
  training.at("discriminator_start").get_to(options.discriminator_start);
  training.at("seed").get_to(options.seed);
  options.commitment = training.value("commitment", options.commitment);
  options.legacy_beta = training.value("legacy_beta", options.legacy_beta);
  if (training.contains("codebook_start")) options.codebook_start = CodebookStart::kRandom;
  if (training.contains("codebook_update")) options.codebook_update = CodebookUpdate::kAverages;
  options.codebook_decay = training.value("codebook_decay", options.codebook_decay);
  options.dead_after = training.value("dead_after", options.dead_after);
  options.micro_batch = training.value("micro_batch", options.micro_batch);
  return options;
}

}  // namespace oar
