// Trains a VQ-GAN, one batch at a time.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/memory/images_at_once.h"
#include "models/vqgan/adam.h"
#include "models/vqgan/codebook_upkeep.h"
#include "models/vqgan/discriminator.h"
#include "models/vqgan/vqgan.h"
#include "models/weights/tensor_file.h"

namespace oar {

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

  double perceptual_weight = 1.0;  ///< w_p; needs activations
  double commitment = 0.25;        ///< beta
  bool legacy_beta =
      false;  ///< beta on the codebook's term, as taming-transformers has it by default

  double quantise_from =
      0.1;  ///< share of the steps before the codebook is started; until then a plain autoencoder
  int64_t dead_after = 20;     ///< steps without use after which a code is restarted
  double restart_until = 0.8;  ///< share of the steps after which codes are left alone

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

/// What one step measured, before its update.
struct VqganLosses {
  double reconstruction = 0.0;   ///< mean |x - x^|, pixels -1 .. 1
  double perceptual = 0.0;       ///< unweighted
  double codebook = 0.0;         ///< both terms, weighted by beta; 0 until quantising starts
  double generator = 0.0;        ///< -mean D(x^); 0 while off
  double adaptive_weight = 0.0;  ///< d, discriminator_weight included; 0 while off
  double discriminator = 0.0;    ///< hinge loss; 0 while off
  double total = 0.0;            ///< reconstruction + w_p perceptual + codebook + d generator
  int64_t codes_used = 0;        ///< different codes in the batch
  int64_t codes_restarted = 0;
  bool finite = true;  ///< false: nothing was updated, the training has diverged
};

/// Trains a VQ-GAN: reconstruction, perceptual and codebook losses, and an optional discriminator.
///
/// All that a step depends on is its images, its number and `state`: after `load_state`, on the
/// same CPU, the next step gives the same bits as in a training that was not interrupted.
///
/// Where memory runs out, the batch is computed in parts whose gradients are added up: means are
/// over the whole batch, so the split changes the rounding of sums and nothing else. (Weights whose
/// gradient is nothing but rounding, as biases before a normalisation, follow it: Adam divides by
/// its size.) A discriminator normalises over its batch, so it allows no parts.
///
/// Shapes  images uint8 [B, 3, height, width].
/// Errors  std::invalid_argument on options that cannot be; BadWeights if a loaded state does not
///         fit; OutOfMemory where not one image fits, or not the batch with a discriminator.
/// Source  arXiv 2012.09841. Departures: quantising starts after a short plain autoencoder
/// with k-means centres, dead codes
///         are restarted, and the discriminator trains alone before its loss reaches the
///         autoencoder.
class VqganTrainer {
 public:
  /// Stages of a feature network for float [B, 3, height, width], pixels 0 .. 255; differentiable.
  using Activations = std::function<std::vector<torch::Tensor>(const torch::Tensor& images)>;

  /// The trainer draws the model's weights from the seed. Without `activations` there is no
  /// perceptual loss.
  VqganTrainer(Vqgan model, const TrainerOptions& options, Activations activations = {});

  VqganLosses step(const torch::Tensor& images, int64_t step);

  /// Everything the next step depends on, copied: `model.*`, `adam.*`, `codebook.*`,
  /// `discriminator.*`, ...
  TensorMap state() const;
  /// `source` names the state in error messages.
  void load_state(const TensorMap& state, const std::string& source);

  /// The most images that are computed at once; 0: the whole batch. Halved when memory runs out.
  int64_t micro_batch() const { return at_once_.reduced() ? at_once_.count() : 0; }
  void set_micro_batch(int64_t images) { at_once_.at_most(images); }

  Vqgan& model() { return model_; }
  const TrainerOptions& options() const { return options_; }

 private:
  struct Forward;
  void start_codebook(const torch::Tensor& images, int64_t step);
  Forward forward(const torch::Tensor& images, int64_t step);
  void add_generator_loss(Forward& pass, int64_t step);
  Forward compute_gradients(const torch::Tensor& images, int64_t step, VqganLosses& losses);
  Forward compute_in_parts(const torch::Tensor& images, int64_t step, int64_t at_once,
                           VqganLosses& losses);
  void update_codebook(const Forward& pass, int64_t step, VqganLosses& losses);
  double train_discriminator(const Forward& pass, double learning_rate);
  double learning_rate_at(int64_t step) const;
  TensorMap slots() const;

  Vqgan model_;
  TrainerOptions options_;
  Activations activations_;
  Adam adam_;
  CodebookUpkeep upkeep_;
  int64_t quantise_from_, generator_from_, discriminator_from_;
  Discriminator discriminator_{nullptr};
  std::unique_ptr<Adam> discriminator_adam_;
  ImagesAtOnce at_once_;
};

}  // namespace oar
