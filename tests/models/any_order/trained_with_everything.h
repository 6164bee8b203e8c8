#pragma once

#include <ATen/ops/arange.h>

#include <memory>
#include <utility>

#include "models/any_order/trainer.h"
#include "tests/models/any_order/test_models.h"

namespace oar {

// A short training of all that a loss may hold.

inline constexpr int64_t kSteps = 6;
inline const Grid kGrid{3, 4};

/// A model with all that a loss may hold: conditions, places, λ.
inline TransformerConfig config_with_everything(double dropout) {
  TransformerConfig config = small_config("relative+rotary", kGrid);
  config.num_classes = 3;
  config.location_after = 1;
  config.dropout = dropout;
  return config;
}

inline TrainerSettings settings_with_everything() {
  TrainerSettings settings;
  settings.total_steps = kSteps;
  settings.learning_rate = 3e-3;
  settings.seed = 9;
  settings.condition_dropout = 0.3;
  settings.location_distance_penalty = 0.5;
  return settings;
}

/// Every third image teaches no places: parts hold unequal numbers of teachers.
inline TrainingBatch batch_of(int64_t step, int64_t images) {
  return {random_codes(images, kGrid, 100 + static_cast<uint64_t>(step)),
          order_of("random", kGrid)->position_at(at::arange(images) + 1000 * step),
          at::arange(images).remainder(3), at::arange(images).remainder(3) != 1};
}

inline AnyOrderTrainer new_trainer(double dropout, std::shared_ptr<Communicator> ranks = nullptr) {
  Transformer model(config_with_everything(dropout));
  model->initialise(5);
  return AnyOrderTrainer(model, settings_with_everything(), std::move(ranks));
}

}  // namespace oar
