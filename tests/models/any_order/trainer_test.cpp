#include "models/any_order/trainer.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/models/any_order/test_models.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TrainerSettings settings_for(int64_t steps) {
  TrainerSettings settings;
  settings.total_steps = steps;
  settings.learning_rate = 3e-3;
  settings.seed = 9;
  return settings;
}

TrainingBatch batch_of(const torch::Tensor& codes, int64_t step, const Grid& grid) {
  return {
      codes, order_of("random", grid)->position_at(at::arange(codes.size(0)) + 1000 * step), {}};
}

TEST(AnyOrderTrainer, TrainsToPredictEveryMissingPatchOfOneImage) {  // the paper's `overfit_one`
  const Grid grid{3, 4};
  Transformer model(small_config("relative+rotary", grid));
  model->initialise(5);
  const torch::Tensor codes = random_codes(1, grid).expand({16, 12}).contiguous();
  AnyOrderTrainer trainer(model, settings_for(150));
  for (int64_t step = 0; step < 150; ++step) trainer.step(batch_of(codes, step, grid));
  model->eval();
  const torch::Tensor orders = order_of("random", grid)->position_at(at::arange(777, 793));
  const torch::NoGradGuard no_gradients;
  const torch::Tensor predicted = model->forward(codes, orders).argmax(-1);
  EXPECT_GT((predicted == codes.gather(1, orders)).to(torch::kFloat32).mean().item<double>(), 0.99);
}

TEST(AnyOrderTrainer, TrainsOnFromAStateWithTheSameBits) {
  const Grid grid{3, 4};
  const torch::Tensor codes = random_codes(8, grid);
  const auto fresh = [&] {
    Transformer model(small_config("relative+rotary", grid));
    model->initialise(5);
    return AnyOrderTrainer(model, settings_for(6));
  };
  AnyOrderTrainer undisturbed = fresh();
  TensorMap halfway;
  for (int64_t step = 0; step < 6; ++step) {
    if (step == 3) {
      for (const auto& [name, tensor] : undisturbed.state()) halfway[name] = tensor.clone();
    }
    undisturbed.step(batch_of(codes, step, grid));
  }
  AnyOrderTrainer resumed = fresh();
  resumed.load_state(halfway, "checkpoint");
  EXPECT_EQ(resumed.steps_done(), 3);
  for (int64_t step = 3; step < 6; ++step) resumed.step(batch_of(codes, step, grid));
  const TensorMap a = undisturbed.state(), b = resumed.state();
  for (const auto& [name, tensor] : a) EXPECT_TRUE(tensor.equal(b.at(name))) << name;
}

TEST(AnyOrderTrainer, ALossThatIsNotFiniteLeavesTheWeightsAlone) {
  const Grid grid{2, 2};
  Transformer model(small_config("relative", grid));
  model->initialise(5);
  AnyOrderTrainer trainer(model, settings_for(2));
  {
    const torch::NoGradGuard no_gradients;
    model->named_parameters()["head.bias"].fill_(NAN);
  }
  const torch::Tensor before = model->named_parameters()["token"].clone();
  EXPECT_TRUE(std::isnan(trainer.step(batch_of(random_codes(2, grid), 0, grid))));
  EXPECT_EQ(trainer.steps_done(), 0);
  EXPECT_TRUE(before.equal(model->named_parameters()["token"]));
}

TEST(AnyOrderTrainer, NamesATensorThatACheckpointLacks) {
  Transformer model(small_config("relative"));
  AnyOrderTrainer trainer(model, settings_for(1));
  TensorMap state = trainer.state();
  state.erase("model.token");
  EXPECT_THAT([&] { trainer.load_state(state, "checkpoint.safetensors"); },
              ThrowsMessage<BadWeights>(HasSubstr("\"model.token\" is missing")));
}

TransformerConfig with_location_head(const Grid& grid) {
  TransformerConfig config = small_config("relative+rotary", grid);
  config.location_after = 1;
  return config;
}

/// Trains a model with a location head on one order for all images: returns it.
Transformer train_on(const std::string& order, const Grid& grid, double lambda, int64_t steps) {
  Transformer model(with_location_head(grid));
  model->initialise(5);
  TrainerSettings settings = settings_for(steps);
  settings.location_distance_penalty = lambda;
  AnyOrderTrainer trainer(model, settings);
  for (int64_t step = 0; step < steps; ++step) {
    const torch::Tensor codes = random_codes(16, grid, 100 + static_cast<uint64_t>(step));
    trainer.step({codes, order_of(order, grid)->position_at(at::arange(16) + 1000 * step), {}});
  }
  model->eval();
  return model;
}

/// Whether position p is filled before step t: bool [B, N, N], step by position.
torch::Tensor filled_before(const torch::Tensor& orders) {
  const int64_t n = orders.size(1);
  return orders.argsort(int64_t{1}, false).unsqueeze(1) < at::arange(n).view({1, n, 1});
}

/// Expected distance of the head's next place, of all steps with a patch before; patches.
double expected_jump(Transformer model, const Grid& grid) {
  const torch::NoGradGuard no_gradients;
  const torch::Tensor codes = random_codes(16, grid, 7);
  const torch::Tensor orders = order_of("random", grid)->position_at(at::arange(16) + 900000);
  const int64_t n = grid.size();
  const torch::Tensor p = model->predict(codes, orders)
                              .location.masked_fill(filled_before(orders), -1e9)
                              .softmax(-1)
                              .narrow(1, 1, n - 1);
  const torch::Tensor reach = distance_table(grid, Distance::kEuclidean)
                                  .to(torch::kFloat32)
                                  .index_select(0, orders.narrow(1, 0, n - 1).flatten())
                                  .view({16, n - 1, n});
  return (p * reach).sum(-1).mean().item<double>();
}

TEST(LocationHead, TrainsToSayTheOrderItIsShown) {
  const Grid grid{3, 3};
  Transformer model = train_on("spiral_in", grid, 0, 150);
  const torch::NoGradGuard no_gradients;
  const torch::Tensor orders = order_of("spiral_in", grid)->position_at(at::arange(4));
  const torch::Tensor said = model->predict(random_codes(4, grid, 9), orders)
                                 .location.masked_fill(filled_before(orders), -1e9)
                                 .argmax(-1);
  EXPECT_TRUE(said.equal(orders));
}

TEST(LocationHead, TrainsTowardsShorterJumpsWithLambda) {
  const Grid grid{4, 4};
  const double without = expected_jump(train_on("random", grid, 0, 80), grid);
  const double with = expected_jump(train_on("random", grid, 2.0, 80), grid);
  EXPECT_LT(with, 0.8 * without);
}

TEST(LocationHead, LossOfPlacesStartsAtThatOfAUniformGuess) {
  const Grid grid{3, 3};
  Transformer model(with_location_head(grid));
  {
    const torch::NoGradGuard no_gradients;
    for (torch::Tensor& p : model->parameters()) p.zero_();
  }
  AnyOrderTrainer trainer(model, settings_for(1));
  trainer.step({random_codes(4, grid), order_of("random", grid)->position_at(at::arange(4)), {}});
  EXPECT_NEAR(trainer.location_loss(), std::lgamma(10.0) / 9, 1e-5);  // (ln 9 + ... + ln 1) / 9
}

TEST(LocationHead, LearnsPlacesFromTheImagesThatTeachThem) {
  const Grid grid{3, 3};
  const torch::Tensor codes = random_codes(4, grid);
  const torch::Tensor orders = order_of("random", grid)->position_at(at::arange(4));
  const auto loss = [&](const torch::Tensor& rows, const torch::Tensor& teaches) {
    Transformer model(with_location_head(grid));
    model->initialise(5);
    TrainerSettings settings = settings_for(1);
    AnyOrderTrainer trainer(model, settings);
    trainer.step({codes.index_select(0, rows), orders.index_select(0, rows), {}, teaches});
    return trainer.location_loss();
  };
  const double first_two = loss(at::arange(4), torch::tensor({true, true, false, false}));
  const double all = loss(at::arange(4), {});
  const double last_two = loss(at::arange(4), torch::tensor({false, false, true, true}));
  EXPECT_NEAR((first_two + last_two) / 2, all, 1e-5);
  EXPECT_NE(first_two, last_two);
  EXPECT_EQ(loss(at::arange(4), torch::zeros({4}, torch::kBool)), 0.0);
}

TEST(NatsPerImage, OfAUniformModelIsNLogV) {
  const Grid grid{3, 4};
  Transformer model(small_config("relative", grid));  // all tables and weights of the head are ...
  {
    const torch::NoGradGuard no_gradients;
    for (torch::Tensor& p : model->parameters()) p.zero_();  // ... zero: every code is as likely
  }
  const torch::Tensor codes = random_codes(5, grid);
  const torch::Tensor orders = order_of("random", grid)->position_at(at::arange(5));
  EXPECT_NEAR(nats_per_image(model, codes, orders, {}, 2), 12 * std::log(11.0), 1e-4);
  EXPECT_THROW(nats_per_image(model, codes.slice(0, 0, 0), orders.slice(0, 0, 0), {}, 2),
               std::invalid_argument);
}

// One image at a time, and plain loops.
TEST(PredictionsByStep, AreThoseOfTheMostLikelyCode) {
  const Grid grid{2, 3};
  Transformer model(small_config("relative+rotary", grid));
  model->initialise(5);
  const torch::Tensor codes = random_codes(7, grid);
  const torch::Tensor orders = order_of("random", grid)->position_at(at::arange(7));
  std::vector<double> right(6), sure(6), gap(15);
  model->eval();
  for (int64_t i = 0; i < 7; ++i) {
    const c10::InferenceMode no_gradients;
    const torch::Tensor order = orders.narrow(0, i, 1), one = codes.narrow(0, i, 1);
    const torch::Tensor probabilities = model->forward(one, order, {}).softmax(-1)[0];
    for (int64_t t = 0; t < 6; ++t) {
      const auto best = probabilities[t].argmax().item<int64_t>();
      const auto confidence = probabilities[t][best].item<double>();
      const bool is_right = best == one[0][order[0][t].item<int64_t>()].item<int64_t>();
      right[t] += is_right / 7.0;
      sure[t] += confidence / 7.0;
      gap[static_cast<size_t>(confidence * 15)] += (confidence - is_right) / 42;
    }
  }
  double error = 0;
  for (const double interval : gap) error += std::abs(interval);
  const Predictions found = predictions_by_step(model, codes, orders, {}, 3);
  EXPECT_TRUE(found.accuracy.allclose(torch::tensor(right, torch::kFloat64)));
  EXPECT_TRUE(found.confidence.allclose(torch::tensor(sure, torch::kFloat64), 1e-5, 1e-6));
  EXPECT_NEAR(found.calibration_error, error, 1e-6);
}

TEST(PredictionsByStep, AUniformModelThatIsRightByChanceIsCalibrated) {
  const Grid grid{1, 2};
  Transformer model(small_config("relative", grid));
  {
    const torch::NoGradGuard no_gradients;
    for (torch::Tensor& p : model->parameters()) p.zero_();
  }
  // Of eleven codes, each as likely, the first is named: right once in eleven images at each step.
  const torch::Tensor codes = at::arange(11).unsqueeze(1).expand({11, 2}).contiguous();
  const Predictions found =
      predictions_by_step(model, codes, at::arange(2).expand({11, 2}).contiguous(), {}, 4);
  EXPECT_NEAR(found.accuracy[0].item<double>(), 1.0 / 11, 1e-12);
  EXPECT_NEAR(found.calibration_error, 0, 1e-6);
}

}  // namespace
}  // namespace oar
