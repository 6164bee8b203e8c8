// How a VQ-GAN is trained.
#pragma once

#include <cstdint>
#include <string>

#include "models/vqgan/codebook_upkeep.h"
#include "models/vqgan/discriminator.h"

namespace oar {

/// What moves the codebook: Adam along the gradient of its loss, or averages of the vectors that
/// each code stands for (see CodebookAverages), with the commitment term alone in the loss.
enum class CodebookUpdate { kGradient, kAverages };

/// How a VQ-GAN is trained. Steps count from 0.
struct TrainerOptions {
  int64_t images_seen = 12000;  ///< with repetition; with `batch_size` it gives the number of steps
  int64_t batch_size = 16;
  int64_t seed = 0;

  double learning_rate = 2e-3;        ///< its peak: warm-up from 0, then half a cosine
  double final_learning_rate = 0.05;  ///< at the last step, as a share of the peak
  double warmup = 0.03;               ///< share of the steps
  double beta1 = 0.9, beta2 = 0.99;
  double gradient_clip = 1.0;  ///< joint norm of all gradients; 0 = off

  /// The most images computed at once; gradients of the parts add up. 0: the whole batch. With a
  /// discriminator, whose normalisation then sees a part alone, only what is asked for here is
  /// split.
  int64_t micro_batch = 0;

  double perceptual_weight = 1.0;  ///< w_p; needs a perceptual loss
  double commitment = 0.25;        ///< beta
  bool legacy_beta =
      false;  ///< beta on the codebook's term, as taming-transformers has it by default

  /// Codes are k-means centres of what the encoder gives after `quantise_from` of the steps, until
  /// which it is a plain autoencoder. Random: they stay as drawn and quantise from the first step
  /// on, as in taming-transformers.
  CodebookStart codebook_start = CodebookStart::kKMeans;
  double quantise_from = 0.1;
  CodebookUpdate codebook_update = CodebookUpdate::kGradient;
  double codebook_decay = 0.99;  ///< γ of the moving averages
  int64_t dead_after = 20;       ///< steps without use after which a code is restarted; 0: never
  double restart_until = 0.8;    ///< share of the steps after which codes are left alone

  double discriminator_weight = 0.0;  ///< 0 = no discriminator; 0.8 in taming-transformers
  double discriminator_start = 0.5;  ///< share of the steps before its loss reaches the autoencoder
  double discriminator_warmup = 0.1;  ///< share of the steps it trains alone before that
  double discriminator_learning_rate = 2e-4;
  DiscriminatorConfig discriminator = {};

  /// Number of steps: images_seen / batch_size, rounded up.
  int64_t total_steps() const { return (images_seen + batch_size - 1) / batch_size; }
};

/// Options that suit the VQ-GAN preset of that name (see `vqgan_preset`).
///
/// Errors  std::invalid_argument if no preset has that name.
TrainerOptions trainer_preset(const std::string& name);

/// Errors  std::invalid_argument for options that cannot be, by name.
void check_options(const TrainerOptions& options);

}  // namespace oar
