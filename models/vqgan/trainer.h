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
#include "models/vqgan/codebook_averages.h"
#include "models/vqgan/codebook_upkeep.h"
#include "models/vqgan/discriminator.h"
#include "models/vqgan/losses.h"
#include "models/vqgan/trainer_options.h"
#include "models/vqgan/vqgan.h"
#include "models/weights/tensor_file.h"

namespace oar {

/// What one step measured, before its update.
struct VqganLosses {
  double reconstruction = 0.0;   ///< mean |x - x^|, pixels -1 .. 1
  double perceptual = 0.0;       ///< unweighted
  double codebook = 0.0;         ///< its terms, weighted by beta; 0 until quantising starts
  double generator = 0.0;        ///< -mean D(x^); 0 while off
  double adaptive_weight = 0.0;  ///< d, discriminator_weight included; 0 while off
  double discriminator = 0.0;    ///< hinge loss; 0 while off
  double total = 0.0;            ///< reconstruction + w_p perceptual + codebook + d generator
  torch::Tensor codes;           ///< int64 [M] of the batch; undefined until quantising starts
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
/// its size.) A discriminator normalises over what it sees at once: it allows parts only where
/// `micro_batch` asks for them, and then each has statistics and an adaptive weight of its own.
///
/// Shapes  images uint8 [B, 3, height, width].
/// Errors  std::invalid_argument on options that cannot be; BadWeights if a loaded state does not
///         fit; OutOfMemory where not one image fits, or not the batch with a discriminator and no
///         `micro_batch`.
/// Source  arXiv 2012.09841. Departures: quantising starts after a short plain autoencoder
/// with k-means centres, dead codes
///         are restarted, and the discriminator trains alone before its loss reaches the
///         autoencoder.
class VqganTrainer {
 public:
  /// The trainer draws the model's weights from the seed.
  VqganTrainer(Vqgan model, const TrainerOptions& options, PerceptualLoss perceptual = {});

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
  int64_t images_at_once(const torch::Tensor& images) const;
  double learning_rate_at(int64_t step) const;
  TensorMap slots() const;

  Vqgan model_;
  TrainerOptions options_;
  PerceptualLoss perceptual_;
  Adam adam_;
  CodebookUpkeep upkeep_;
  CodebookAverages averages_;
  int64_t quantise_from_, generator_from_, discriminator_from_;
  Discriminator discriminator_{nullptr};
  std::unique_ptr<Adam> discriminator_adam_;
  ImagesAtOnce at_once_;
};

}  // namespace oar
