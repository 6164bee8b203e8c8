#include "models/vqgan/trainer_options.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace oar {
namespace {

void require(bool holds, const char* field, double value, const char* accepted) {
  if (!holds) {
    throw std::invalid_argument(
        fmt::format("tokenizer.{} must be {}, got {}", field, accepted, value));
  }
}

}  // namespace

void check_options(const TrainerOptions& options) {
  const auto positive = [](const char* field, double value) {
    require(value > 0 && std::isfinite(value), field, value, "above 0");
  };
  const auto weight = [](const char* field, double value) {
    require(value >= 0 && std::isfinite(value), field, value, "at least 0; use 0 to switch it off");
  };
  const auto count = [](const char* field, int64_t value) {
    require(value >= 0, field, static_cast<double>(value), "at least 0; use 0 to switch it off");
  };
  const auto share = [](const char* field, double value) {
    require(value >= 0 && value <= 1, field, value, "a share of the steps, 0 to 1");
  };
  positive("images_seen", static_cast<double>(options.images_seen));
  positive("batch_size", static_cast<double>(options.batch_size));
  count("dead_after", options.dead_after);
  count("micro_batch", options.micro_batch);
  positive("learning_rate", options.learning_rate);
  positive("discriminator_learning_rate", options.discriminator_learning_rate);
  weight("gradient_clip", options.gradient_clip);
  weight("perceptual_weight", options.perceptual_weight);
  weight("commitment", options.commitment);
  weight("discriminator_weight", options.discriminator_weight);
  require(options.beta1 >= 0 && options.beta1 < 1, "beta1", options.beta1, "0 to below 1");
  require(options.beta2 >= 0 && options.beta2 < 1, "beta2", options.beta2, "0 to below 1");
  require(options.codebook_decay >= 0 && options.codebook_decay < 1, "codebook_decay",
          options.codebook_decay, "0 to below 1");
  share("final_learning_rate", options.final_learning_rate);
  share("warmup", options.warmup);
  share("quantise_from", options.quantise_from);
  share("restart_until", options.restart_until);
  share("discriminator_start", options.discriminator_start);
  share("discriminator_warmup", options.discriminator_warmup);
}

TrainerOptions trainer_preset(const std::string& name) {
  if (name == "nano") return {.images_seen = 6000, .batch_size = 16, .learning_rate = 2e-3};
  if (name == "tiny") return {.images_seen = 12000, .batch_size = 16, .learning_rate = 2e-3};
  if (name == "small") return {.images_seen = 100000, .batch_size = 16, .learning_rate = 1e-3};
  if (name == "paper") {
    return {.images_seen = 2000000,
            .batch_size = 16,
            .learning_rate = 7.2e-5,  // taming-transformers: 4.5e-6 an image of the batch
            .beta1 = 0.5,
            .beta2 = 0.9,
            .discriminator_weight = 0.8,
            .discriminator_start = 0.2,
            .discriminator_warmup = 0.05,
            .discriminator_learning_rate = 7.2e-5};
  }
  throw std::invalid_argument(fmt::format(
      "tokenizer.preset: no preset is called \"{}\".\n  known: nano, paper, small, tiny", name));
}

}  // namespace oar
