#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/any_order/transformer.h"
#include "models/distributed/communicator.h"
#include "models/memory/images_at_once.h"
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
  torch::Tensor codes;           ///< int64 [B, N], by position
  torch::Tensor position_at;     ///< int64 [B, N], the order in which each image is learned
  torch::Tensor condition = {};  ///< int64 [B] or [B, L]; not defined: none
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
/// A batch may be computed in parts, whose gradients are added up: where memory runs out (see
/// micro_batch()), and by several processes, each with a contiguous share of every batch. Means
/// are over the whole batch, dropped conditions and the masks of dropout are those of the whole
/// batch, so the split changes the rounding of sums and nothing else. A batch computed in one part
/// has the bits of one without parts.
///
/// Units  losses in nats per patch.
/// Errors  step() and share_state() throw RankLost where another process of `ranks` has died;
///         step() throws OutOfMemory, on all ranks, where one of them cannot hold one image.
class AnyOrderTrainer {
 public:
  /// `ranks` are the processes that train this model together; null: this one alone.
  AnyOrderTrainer(Transformer model, const TrainerSettings& settings,
                  std::shared_ptr<Communicator> ranks = nullptr);

  int64_t steps_done() const { return steps_done_; }

  /// One update by the whole batch: every rank is given all of it, and computes its share. Returns
  /// the batch's loss before it; where the loss or the gradient is not finite that is NaN, and the
  /// weights stay as they were.
  double step(const TrainingBatch& batch, bool stop = false);

  /// Whether any rank said `stop` at the last step: the same on all of them.
  bool stop_agreed() const { return stop_agreed_; }

  /// Negative log-likelihood of the places in the last step, nats per patch; 0 without the head.
  double location_loss() const { return location_loss_; }

  /// The most images that this process computes at once; 0: all of its share. Halved when memory
  /// runs out.
  int64_t micro_batch() const { return at_once_.reduced() ? at_once_.count() : 0; }
  void set_micro_batch(int64_t images) { at_once_.at_most(images); }

  /// Gives all ranks the state of rank 0.
  void share_state();

  /// Weights, both moments and the step: everything the next step depends on.
  TensorMap state() const;
  /// Errors  BadWeights if a tensor is missing or has another shape, naming it and `source`.
  void load_state(const TensorMap& state, const std::string& source);

 private:
  /// Losses of one batch, or of a part of it: summed over parts they are those of the whole.
  struct Losses {
    double code = 0, location = 0, total = 0;
  };
  struct Range {
    int64_t begin = 0, end = 0;
  };
  double learning_rate() const;
  Range share_of(int64_t images) const;
  torch::Tensor with_dropped_conditions(const torch::Tensor& condition) const;
  torch::Tensor loss_of(const TrainingBatch& batch, const Range& part, Losses& losses);
  torch::Tensor location_loss_of(const TrainingBatch& batch, const Range& part,
                                 const torch::Tensor& logits, Losses& losses);
  Losses compute_gradients(const TrainingBatch& batch);
  Losses try_gradients(const TrainingBatch& batch, std::string& failure);
  void sum_over_ranks(Losses& losses, bool stop, const std::string& failure);
  void update(double shrink);

  Transformer model_;
  TrainerSettings settings_;
  int64_t steps_done_ = 0;
  double location_loss_ = 0;
  std::shared_ptr<Communicator> ranks_;
  bool stop_agreed_ = false;
  ImagesAtOnce at_once_;
  torch::Tensor distance_;  // float32 [N, N], patches; only where λ is trained with
  struct Group {
    double weight_decay = 0;
    std::vector<std::string> names;
    std::vector<torch::Tensor> parameters, first_moments, second_moments, steps;
  };
  torch::Tensor packed_;   // float32 [gradients + kExtra], what ranks sum
  Group decayed_, plain_;  // matrices and tables are decayed; biases and norms are not
};

/// Mean negative log-likelihood of whole images under the orders given: nats per image.
///
/// Shapes  codes, position_at int64 [images, N]; condition int64 [images] or [images, L], or not
///         defined.
/// Errors  std::invalid_argument without images; OutOfMemory where one does not fit.
double nats_per_image(Transformer model, const torch::Tensor& codes,
                      const torch::Tensor& position_at, const torch::Tensor& condition,
                      int64_t batch_size);

/// How well the most likely code of each step does, all codes before it given.
struct Predictions {
  torch::Tensor accuracy;    ///< float64 [N], by step: share of images whose code it is
  torch::Tensor confidence;  ///< float64 [N], by step: the probability that it was given, mean
  /// Expected calibration error, 0 .. 1: |accuracy - confidence| of each of 15 equal intervals of
  /// confidence, weighted by how many predictions lie in it.
  double calibration_error = 0;
};

/// Predictions under the orders given. Shapes and errors as nats_per_image().
///
/// Source  calibration_error: Guo, Pleiss, Sun, Weinberger, arXiv 1706.04599.
Predictions predictions_by_step(Transformer model, const torch::Tensor& codes,
                                const torch::Tensor& position_at, const torch::Tensor& condition,
                                int64_t batch_size);

}  // namespace oar
