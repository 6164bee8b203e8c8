#include "models/vqgan/trainer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/vqgan/quality.h"
#include "tests/models/memory/limited_memory.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::Pointwise;
using ::testing::ThrowsMessage;

VqganConfig micro() {
  return {.image_size = 16,
          .ch = 32,
          .ch_mult = {1, 1, 1},
          .num_res_blocks = 1,
          .attn_resolutions = {},
          .z_channels = 16,
          .embed_dim = 8,
          .codebook_size = 32};
}

TrainerOptions options_for(int64_t steps) {
  return {.images_seen = 8 * steps, .batch_size = 8, .seed = 3, .learning_rate = 3e-3};
}

// Sky from orange to blue, a sun somewhere, dark ground: image i of eight.
torch::Tensor sunsets() {
  torch::Tensor images = at::empty({8, 3, 16, 16}, torch::kByte);
  auto pixels = images.accessor<uint8_t, 4>();
  for (int i = 0; i < 8; ++i) {
    for (int row = 0; row < 16; ++row) {
      for (int col = 0; col < 16; ++col) {
        const bool sun = std::hypot(row - 6.0, col - 2.0 * i) < 3.0, ground = row >= 12;
        pixels[i][0][row][col] = sun ? 255 : ground ? 20 : 60 + 12 * row;
        pixels[i][1][row][col] = sun ? 220 : ground ? 40 : 60 + 5 * row + 4 * i;
        pixels[i][2][row][col] = sun ? 120 : ground ? 30 : 220 - 12 * row;
      }
    }
  }
  return images;
}

void expect_same(const TensorMap& a, const TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(tensor.equal(b.at(name))) << name;
}

// Runs three steps, copies the state into a second trainer, and runs two more in both.
void expect_exact_resume(const TrainerOptions& options, const PerceptualLoss& perceptual) {
  const torch::Tensor images = sunsets();
  VqganTrainer straight(Vqgan(micro()), options, perceptual);
  for (int64_t step = 0; step < 3; ++step) straight.step(images, step);
  VqganTrainer resumed(Vqgan(micro()), options, perceptual);
  resumed.load_state(straight.state(), "a checkpoint");
  for (int64_t step = 3; step < 5; ++step) {
    const VqganLosses a = straight.step(images, step), b = resumed.step(images, step);
    EXPECT_EQ(a.total, b.total) << step;
    EXPECT_EQ(a.codes_used, b.codes_used) << step;
  }
  expect_same(straight.state(), resumed.state());
}

// Stands for a feature network: two stages of the images themselves.
const PerceptualLoss pooled = perceptual_loss_in([](const torch::Tensor& images) {
  return std::vector<torch::Tensor>{images / 255.0, at::avg_pool2d(images, {4, 4}) / 255.0};
});

TEST(VqganTrainer, FortyStepsOnEightSunsetsCutTheReconstructionLossToAThird) {
  VqganTrainer trainer(Vqgan(micro()), options_for(40));
  const double first = trainer.step(sunsets(), 0).reconstruction;
  VqganLosses last;
  for (int64_t step = 1; step < 40; ++step) last = trainer.step(sunsets(), step);
  EXPECT_LT(last.reconstruction, first / 3);
  EXPECT_TRUE(last.finite);
  EXPECT_GT(last.codes_used, 8);  // of 32; a collapsed codebook uses one or two
}

TEST(VqganTrainer, APerceptualLossFallsToo) {
  VqganTrainer trainer(Vqgan(micro()), options_for(20), pooled);
  const VqganLosses first = trainer.step(sunsets(), 0);
  EXPECT_NEAR(first.total, first.reconstruction + first.perceptual,
              1e-6);  // weight 1, nothing else on yet
  VqganLosses last;
  for (int64_t step = 1; step < 20; ++step) last = trainer.step(sunsets(), step);
  EXPECT_LT(last.perceptual, first.perceptual / 2);
}

TEST(VqganTrainer, QuantisingStartsAtItsShareOfTheSteps) {
  VqganTrainer trainer(Vqgan(micro()), options_for(20));  // from step 2
  EXPECT_EQ(trainer.step(sunsets(), 0).codes_used, 0);
  EXPECT_EQ(trainer.step(sunsets(), 1).codebook, 0.0);
  const VqganLosses quantised = trainer.step(sunsets(), 2);
  EXPECT_GT(quantised.codes_used, 16);  // k-means centres of this very batch
  EXPECT_GT(quantised.codebook, 0.0);
}

TEST(VqganTrainer, AResumedTrainingGivesTheSameBits) { expect_exact_resume(options_for(10), {}); }

TEST(VqganTrainer, AResumeBeforeQuantisingStartsGivesTheSameBits) {
  TrainerOptions options = options_for(10);
  options.quantise_from = 0.4;  // step 4, after the resume: the remembered outputs must survive
  expect_exact_resume(options, pooled);
}

TEST(VqganTrainer, AResumeWithRestartsAndADiscriminatorGivesTheSameBits) {
  TrainerOptions options = options_for(10);
  options.dead_after = 1;
  options.discriminator_weight = 0.8;
  options.discriminator_start = 0.4;
  options.discriminator_warmup = 0.2;
  options.discriminator = {.ndf = 8, .n_layers = 1};
  expect_exact_resume(options, {});
}

TEST(VqganTrainer, TheDiscriminatorTrainsBeforeItsLossReachesTheAutoencoder) {
  TrainerOptions options = options_for(10);
  options.discriminator_weight = 0.8;
  options.discriminator_start = 0.4;
  options.discriminator_warmup = 0.2;
  options.discriminator = {.ndf = 8, .n_layers = 1};
  VqganTrainer trainer(Vqgan(micro()), options);
  for (int64_t step = 0; step < 5; ++step) {
    const VqganLosses losses = trainer.step(sunsets(), step);
    EXPECT_EQ(losses.discriminator > 0.0, step >= 2) << step;
    EXPECT_EQ(losses.adaptive_weight > 0.0, step >= 4) << step;
  }
}

TEST(VqganTrainer, DeadCodesComeBackIntoUse) {
  TrainerOptions options = options_for(40);
  options.quantise_from = 0.0;
  options.dead_after = 2;
  VqganTrainer trainer(Vqgan(micro()), options);
  trainer.step(sunsets(), 0);
  {
    const torch::NoGradGuard no_grad;
    trainer.model()->quantizer()->codebook().slice(0, 1).fill_(
        100.0);  // all but code 0 are out of reach
  }
  EXPECT_EQ(trainer.step(sunsets(), 1).codes_used, 1);
  int64_t restarted = 0;
  VqganLosses last;
  for (int64_t step = 2; step < 20; ++step) {
    last = trainer.step(sunsets(), step);
    restarted += last.codes_restarted;
  }
  EXPECT_GE(restarted, 31);
  EXPECT_GE(last.codes_used, 8);
}

TrainerOptions with_averages(int64_t steps) {
  TrainerOptions options = options_for(steps);
  options.codebook_update = CodebookUpdate::kAverages;
  options.codebook_decay = 0.8;
  options.quantise_from = 0.2;
  return options;
}

TEST(VqganTrainer, AveragesMoveTheCodebookAndAdamLeavesItAlone) {
  VqganTrainer trainer(Vqgan(micro()), with_averages(10));
  for (int64_t step = 0; step < 4; ++step) trainer.step(sunsets(), step);
  const torch::Tensor before = trainer.model()->quantizer()->codebook().detach().clone();
  const VqganLosses losses = trainer.step(sunsets(), 4);
  const TensorMap state = trainer.state();
  EXPECT_FALSE(before.equal(trainer.model()->quantizer()->codebook()));
  EXPECT_GT(losses.codebook, 0.0);  // the commitment term
  EXPECT_TRUE(state.at("adam.mean.quantize.embedding.weight").eq(0).all().item<bool>());
  // One for each row at the start, then 32 outputs a step over three steps at γ 0.8.
  EXPECT_NEAR(state.at("averages.sizes").sum().item<double>(), 32 * 0.512 + 8 * 16 * (1 - 0.512),
              1e-3);
}

TEST(VqganTrainer, AveragesCutTheReconstructionLossToo) {
  for (const bool normalised : {false, true}) {
    VqganConfig config = micro();
    config.normalised_codes = normalised;
    VqganTrainer trainer(Vqgan(config), with_averages(40));
    const double first = trainer.step(sunsets(), 0).reconstruction;
    VqganLosses last;
    for (int64_t step = 1; step < 40; ++step) last = trainer.step(sunsets(), step);
    EXPECT_LT(last.reconstruction, first / 3) << normalised;
    EXPECT_GT(last.codes_used, 8) << normalised;
  }
}

TEST(VqganTrainer, AResumeWithAveragesAndRestartsGivesTheSameBits) {
  TrainerOptions options = with_averages(10);
  options.dead_after = 1;
  expect_exact_resume(options, {});
}

TEST(VqganTrainer, ARandomCodebookQuantisesFromTheFirstStep) {
  TrainerOptions options = options_for(10);
  options.codebook_start = CodebookStart::kRandom;
  options.dead_after = 0;
  VqganTrainer trainer(Vqgan(micro()), options);
  const torch::Tensor drawn = trainer.model()->quantizer()->codebook().detach().clone();
  const VqganLosses losses = trainer.step(sunsets(), 0);
  EXPECT_EQ(losses.codes.numel(), 8 * 16);
  EXPECT_GT(losses.codes_used, 0);
  // No centres were written: what moved are rows in use, by one step of Adam at most.
  EXPECT_LT((trainer.model()->quantizer()->codebook() - drawn).abs().max().item<double>(), 4e-3);
  for (int64_t step = 1; step < 10; ++step) {
    EXPECT_EQ(trainer.step(sunsets(), step).codes_restarted, 0);
  }
}

TEST(VqganTrainer, ADivergedStepIsReportedAndChangesNothing) {
  const PerceptualLoss broken = [](const torch::Tensor&, const torch::Tensor& images) {
    return images.mean() * std::numeric_limits<float>::quiet_NaN();
  };
  VqganTrainer trainer(Vqgan(micro()), options_for(10), broken);
  const TensorMap before = trainer.state();
  EXPECT_FALSE(trainer.step(sunsets(), 0).finite);
  for (const auto& [name, tensor] : trainer.state()) {
    if (name.starts_with("model.")) {
      EXPECT_TRUE(tensor.equal(before.at(name))) << name;
    }
  }
}

TrainerOptions options_that_quantise() {
  TrainerOptions options = options_for(6);
  options.quantise_from = 0.5;
  options.learning_rate = 3e-4;  // what rounding makes of small gradients grows with it
  return options;
}

/// Six steps, of which the last three quantise: the loss of each.
std::vector<double> losses_of(VqganTrainer& trainer) {
  std::vector<double> losses;
  for (int64_t step = 0; step < 6; ++step) losses.push_back(trainer.step(sunsets(), step).total);
  return losses;
}

/// Convolutions agree to 1e-6 of their norm: float32 sums in another order (a part weighted wrongly
/// costs 4e-3). Biases before a normalisation, and centres fresh from k-means, have a gradient of
/// nothing but rounding, and Adam's m / sqrt(v) makes steps of it as large as any.
void expect_same_convolutions(const VqganTrainer& found, const VqganTrainer& expected) {
  const TensorMap other = found.state();
  double size = 0, difference = 0;
  for (const auto& [name, tensor] : expected.state()) {
    if (!name.starts_with("model.") || tensor.dim() != 4) continue;
    size += tensor.square().sum(torch::kFloat64).item<double>();
    difference += (other.at(name) - tensor).square().sum(torch::kFloat64).item<double>();
  }
  EXPECT_LE(std::sqrt(difference), 1e-6 * std::sqrt(size));
}

TEST(VqganTrainer, MicroBatchesTrainTheWeightsOfTheWholeBatch) {
  VqganTrainer whole(Vqgan(micro()), options_that_quantise(), pooled);
  const std::vector<double> expected = losses_of(whole);
  EXPECT_EQ(whole.micro_batch(), 0);
  for (const int64_t images : {4, 3}) {
    VqganTrainer parted(Vqgan(micro()), options_that_quantise(), pooled);
    parted.set_micro_batch(images);
    EXPECT_THAT(losses_of(parted), Pointwise(::testing::DoubleNear(1e-6), expected));
    expect_same_convolutions(parted, whole);
  }
}

TEST(VqganTrainer, MicroBatchesAreHalvedUntilTheyFitAndTrainTheSameWeights) {
  VqganTrainer undisturbed(Vqgan(micro()), options_that_quantise(), pooled);
  VqganTrainer trainer(Vqgan(micro()), options_that_quantise(), pooled);
  std::vector<double> expected, losses;
  int64_t needed = 0;
  {
    LimitedMemory memory;
    expected = losses_of(undisturbed);
    needed = memory.most_used();
  }
  {
    LimitedMemory memory(needed * 2 / 3);
    losses = losses_of(trainer);
    EXPECT_GE(memory.refusals(), 1);
  }
  EXPECT_LT(trainer.micro_batch(), 8);
  EXPECT_GT(trainer.micro_batch(), 0);
  EXPECT_THAT(losses, Pointwise(::testing::DoubleNear(1e-6), expected));
  expect_same_convolutions(trainer, undisturbed);
}

TEST(VqganTrainer, ABatchForADiscriminatorIsNeverSplit) {
  TrainerOptions options = options_for(6);
  options.discriminator_weight = 0.8;
  options.discriminator = discriminator_for(16);
  VqganTrainer trainer(Vqgan(micro()), options);
  const torch::Tensor images = sunsets();
  LimitedMemory memory(100000);
  EXPECT_THAT([&] { trainer.step(images, 0); },
              ThrowsMessage<OutOfMemory>(HasSubstr("lower tokenizer.batch_size")));
}

TEST(VqganTrainer, AMicroBatchThatWasAskedForSplitsTheDiscriminatorsBatch) {
  TrainerOptions options = options_for(6);
  options.discriminator_weight = 0.8;
  options.discriminator_start = 0.0;
  options.discriminator = {.ndf = 8, .n_layers = 1};
  const torch::Tensor one = sunsets().slice(0, 0, 4), twice = at::cat({one, one});
  // Both halves are the same images, so each part has the statistics of the whole batch.
  VqganTrainer whole(Vqgan(micro()), options);
  const VqganLosses expected = whole.step(twice, 0);
  options.micro_batch = 4;
  VqganTrainer parted(Vqgan(micro()), options);
  EXPECT_EQ(parted.micro_batch(), 4);
  const VqganLosses found = parted.step(twice, 0);
  EXPECT_GT(expected.adaptive_weight, 0.0);
  EXPECT_NEAR(found.total, expected.total, 1e-6);
  EXPECT_NEAR(found.generator, expected.generator, 1e-6);
  EXPECT_NEAR(found.adaptive_weight, expected.adaptive_weight, 1e-4);
  EXPECT_NEAR(found.discriminator, expected.discriminator, 1e-5);
  const TensorMap a = whole.state(), b = parted.state();
  for (const auto& [name, tensor] : a) {  // means of gradients, the discriminator's among them
    if (!name.starts_with("discriminator_adam.mean.") || tensor.dim() != 4) continue;
    EXPECT_LE((tensor - b.at(name)).norm().item<double>(), 1e-3 * tensor.norm().item<double>())
        << name;
  }
}

TEST(VqganTrainer, AMicroBatchWithADiscriminatorIsHalvedWhereMemoryRunsOut) {
  TrainerOptions options = options_for(6);
  options.discriminator_weight = 0.8;
  options.discriminator = {.ndf = 8, .n_layers = 1};
  options.micro_batch = 8;
  int64_t needed = 0;
  {
    LimitedMemory memory;
    VqganTrainer(Vqgan(micro()), options).step(sunsets(), 0);
    needed = memory.most_used();
  }
  VqganTrainer trainer(Vqgan(micro()), options);
  LimitedMemory memory(needed / 2);
  EXPECT_TRUE(trainer.step(sunsets(), 0).finite);
  EXPECT_LT(trainer.micro_batch(), 8);
  EXPECT_GE(memory.refusals(), 1);
}

TEST(VqganTrainer, AStateThatDoesNotFitIsRefusedByTensor) {
  VqganTrainer trainer(Vqgan(micro()), options_for(10));
  const auto refusal = [&](const TensorMap& state) -> std::string {
    try {
      trainer.load_state(state, "step_5.safetensors");
    } catch (const BadWeights& error) {
      return error.what();
    }
    return "accepted";
  };
  TensorMap state = trainer.state();
  state["model.encoder.conv_in.weight"] = at::zeros({1, 2});
  EXPECT_THAT(
      refusal(state),
      HasSubstr("step_5.safetensors: tensor \"model.encoder.conv_in.weight\" has shape [1, 2]"));
  state = trainer.state();
  state.erase("adam.steps");
  EXPECT_THAT(refusal(state), HasSubstr("\"adam.steps\" is missing"));
}

TEST(TrainerOptions, OutOfRangeValuesAreRefusedByName) {
  const auto refusal = [](auto change) -> std::string {
    TrainerOptions options;
    change(options);
    try {
      VqganTrainer(Vqgan(micro()), options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal([](TrainerOptions& o) { o.learning_rate = 0; }),
              HasSubstr("learning_rate must be above 0"));
  EXPECT_THAT(refusal([](TrainerOptions& o) { o.perceptual_weight = -1; }),
              HasSubstr("use 0 to switch it off"));
  EXPECT_THAT(refusal([](TrainerOptions& o) { o.quantise_from = 1.5; }),
              HasSubstr("share of the steps, 0 to 1, got 1.5"));
  EXPECT_THAT(refusal([](TrainerOptions& o) { o.codebook_decay = 1.0; }),
              HasSubstr("codebook_decay must be 0 to below 1, got 1"));
  EXPECT_THAT(refusal([](TrainerOptions& o) { o.micro_batch = -1; }),
              HasSubstr("micro_batch must be at least 0"));
  EXPECT_THAT(refusal([](TrainerOptions& o) { o.beta2 = 1.0; }),
              HasSubstr("beta2 must be 0 to below 1"));
}

TEST(TrainerPresets, EachVqganPresetHasOne) {
  for (const char* name : {"nano", "tiny", "small", "paper"}) {
    EXPECT_GT(trainer_preset(name).total_steps(), 0) << name;
  }
  EXPECT_EQ(trainer_preset("paper").discriminator_weight, 0.8);
  EXPECT_THROW(trainer_preset("huge"), std::invalid_argument);
}

}  // namespace
}  // namespace oar
