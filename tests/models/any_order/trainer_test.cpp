#include "models/any_order/trainer.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

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

}  // namespace
}  // namespace oar
