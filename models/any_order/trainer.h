#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "models/any_order/transformer.h"
#include "models/weights/tensor_file.h"

namespace oar {

/// How an any-order model is trained. The defaults that the paper leaves open follow the field:
/// AdamW with β 0.9 / 0.95, warm-up, then a cosine to zero.
struct TrainerSettings {
  int64_t total_steps = 0;
  double learning_rate = 1e-3;
  double warmup = 0.05;  ///< share of the steps over which the learning rate rises from zero
  double weight_decay = 0.05;
  double gradient_clip = 1.0;              ///< largest norm of the whole gradient
  double condition_dropout = 0.1;          ///< share of the images trained without their label
  double location_weight = 1.0;            ///< of a location head's loss beside that of the codes
  double location_distance_penalty = 0.0;  ///< λ in training: nats per patch of expected distance
  Distance location_distance = Distance::kEuclidean;
  uint64_t seed = 0;
};

/// One batch of training images.
struct TrainingBatch {
  torch::Tensor codes;        ///< int64 [B, N], by position
  torch::Tensor position_at;  ///< int64 [B, N], the order in which each image is learned
  torch::Tensor labels = {};  ///< int64 [B], or not defined without a condition
  /// bool [B], images whose places a location head learns; not defined: all of them
  torch::Tensor teaches_places = {};
};

/// Trains a Transformer, one step per batch, by the mean negative log-likelihood of every step.
/// With a location head the mean negative log-likelihood of the places is added, among open ones,
/// and λ times the distance that the head expects to the patch before.
///
/// All of its randomness is keyed by (seed, step): from a state() taken after any step, another
/// trainer continues with the same bits (CPU).
///
/// Units  losses in nats per patch.
class AnyOrderTrainer {
 public:
  AnyOrderTrainer(Transformer model, const TrainerSettings& settings);

  int64_t steps_done() const { return steps_done_; }

  /// One update. Returns the batch's loss before it; where the loss or the gradient is not finite
  /// that is NaN, and the weights stay as they were.
  double step(const TrainingBatch& batch);

  /// Negative log-likelihood of the places in the last step, nats per patch; 0 without the head.
  double location_loss() const { return location_loss_; }

  /// Weights, both moments and the step: everything the next step depends on.
  TensorMap state() const;
  /// Errors  BadWeights if a tensor is missing or has another shape, naming it and `source`.
  void load_state(const TensorMap& state, const std::string& source);

 private:
  double learning_rate() const;
  torch::Tensor loss_of(const TrainingBatch& batch, const torch::Tensor& labels,
                        torch::Tensor& code_loss);

  Transformer model_;
  TrainerSettings settings_;
  int64_t steps_done_ = 0;
  double location_loss_ = 0;
  torch::Tensor distance_;  // float32 [N, N], patches; only where λ is trained with
  struct Group {
    double weight_decay = 0;
    std::vector<std::string> names;
    std::vector<torch::Tensor> parameters, first_moments, second_moments, steps;
  };
  Group decayed_, plain_;  // matrices and tables are decayed; biases and norms are not
};

/// Mean negative log-likelihood of whole images under the orders given: nats per image.
///
/// Shapes  codes, position_at int64 [images, N]; labels int64 [images] or not defined.
/// Errors  std::invalid_argument without images.
double nats_per_image(Transformer model, const torch::Tensor& codes,
                      const torch::Tensor& position_at, const torch::Tensor& labels,
                      int64_t batch_size);

}  // namespace oar
