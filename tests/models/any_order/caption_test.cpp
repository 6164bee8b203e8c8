// Models that read captions: the search sees what the training pass sees.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "models/any_order/cached_scorer.h"
#include "models/any_order/caption_encoder.h"
#include "models/any_order/trainer.h"
#include "orders/rollout.h"
#include "tests/models/any_order/test_models.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int64_t kLength = 7, kVocabulary = 30;

struct Reading {
  const char* encoding;
  bool cross_attention;
  int64_t location_after;
};

TransformerConfig reading_config(const Reading& reading, Grid grid = {3, 4}) {
  TransformerConfig config = small_config(reading.encoding, grid);
  config.caption = {kLength, kVocabulary, 1, reading.cross_attention};
  config.location_after = reading.location_after;
  return config;
}

/// Captions of kLength, kLength - 1, ... tokens.
torch::Tensor captions(int64_t batch, uint64_t seed = 5) {
  torch::Tensor tokens = torch::full({batch, kLength}, -1, torch::kInt64);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < kLength - b % kLength; ++i) {
      tokens[b][i] =
          static_cast<int64_t>(random_below(kVocabulary, seed, Stream::kTrainingBatch,
                                            {static_cast<uint64_t>(b), static_cast<uint64_t>(i)}));
    }
  }
  return tokens;
}

void expect_close(const torch::Tensor& found, const torch::Tensor& expected) {
  EXPECT_LT((found - expected).abs().max().item<double>(), 2e-4);
}

class CaptionReading : public ::testing::TestWithParam<Reading> {};

TEST_P(CaptionReading, SearchAgreesWithOneTeacherForcedPass) {
  for (const Grid grid : {Grid{3, 4}, Grid{1, 1}}) {
    Transformer model = model_of(reading_config(GetParam(), grid));
    const torch::Tensor codes = random_codes(5, grid), said = captions(5);
    for (const char* order : {"oar", "raster", "random"}) {
      CachedScorer scorer(model, 5, {.condition = said});
      const Rollout found =
          roll_out(scorer, *order_of(order, grid), given_codes(codes), at::arange(5));
      expect_close(found.log_likelihood, teacher_forced(model, codes, found.position_at, said));
    }
  }
}

TEST_P(CaptionReading, PrefillAndLookAheadComeAfterTheCaption) {
  const Grid grid{3, 4};
  Transformer model = model_of(reading_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(3, grid), said = captions(3);
  const torch::Tensor known = order_of("random", grid)->position_at(at::arange(3)).narrow(1, 0, 5);
  CachedScorer scorer(model, 3, {.condition = said, .looks_ahead = true});
  RolloutOptions options;
  options.known = {known, codes.gather(1, known)};
  options.confidence = Confidence::kFutureContext;
  const Rollout found =
      roll_out(scorer, *order_of("oar", grid), given_codes(codes), at::arange(3), options);
  expect_close(found.log_likelihood, teacher_forced(model, codes, found.position_at, said));
}

TEST_P(CaptionReading, InPartsGivesWhatItGivesWhole) {
  TransformerConfig config = reading_config(GetParam(), Grid{6, 6});
  Transformer model = model_of(config);
  const torch::Tensor codes = random_codes(2, config.grid), said = captions(2);
  const auto orders = [&](int64_t memory) {
    CachedScorer scorer(model, 2, {.condition = said, .memory_bytes = memory});
    return roll_out(scorer, *order_of("oar", config.grid), given_codes(codes), at::arange(2));
  };
  ScorerOptions one_by_one{.condition = said};
  int64_t smallest = 1 << 20;
  while (true) {  // room for few rows: the caption too goes in in parts
    one_by_one.memory_bytes = smallest;
    try {
      CachedScorer scorer(model, 2, one_by_one);
      break;
    } catch (const std::invalid_argument&) {
      smallest += 1 << 14;
    }
  }
  const Rollout tight = orders(smallest), roomy = orders(int64_t{1} << 30);
  EXPECT_TRUE(tight.position_at.equal(roomy.position_at));
  expect_close(tight.log_likelihood, roomy.log_likelihood);
}

TEST_P(CaptionReading, EveryTokenAndItsPlaceCounts) {
  Transformer model = model_of(reading_config(GetParam()));
  const Grid grid = model->config().grid;
  const torch::Tensor codes = random_codes(1, grid);
  const torch::Tensor position_at = order_of("raster", grid)->position_at(at::arange(1));
  const auto likelihood = [&](const torch::Tensor& said) {
    return teacher_forced(model, codes, position_at, said);
  };
  const torch::Tensor said = captions(1), base = likelihood(said);
  for (int64_t i = 0; i < kLength; ++i) {
    torch::Tensor changed = said.clone();
    changed[0][i] = (changed[0][i].item<int64_t>() + 1) % kVocabulary;
    EXPECT_GT((likelihood(changed) - base).abs().max().item<double>(), 1e-5) << i;
  }
  torch::Tensor turned = said.flip({1});
  EXPECT_GT((likelihood(turned) - base).abs().max().item<double>(), 1e-4);
}

TEST_P(CaptionReading, NoCaptionIsACaptionOfNothing) {
  Transformer model = model_of(reading_config(GetParam()));
  const Grid grid = model->config().grid;
  const torch::Tensor codes = random_codes(2, grid), said = captions(2);
  const torch::Tensor nothing = torch::full({2, kLength}, -1, torch::kInt64);
  const torch::Tensor position_at = order_of("random", grid)->position_at(at::arange(2));
  EXPECT_TRUE(teacher_forced(model, codes, position_at)
                  .equal(teacher_forced(model, codes, position_at, nothing)));
  const auto guided = [&](double scale) {
    CachedScorer scorer(model, 2, {.condition = said, .guidance_scale = scale});
    return roll_out(scorer, *order_of("raster", grid), given_codes(codes), at::arange(2))
        .log_likelihood;
  };
  const torch::Tensor raster = order_of("raster", grid)->position_at(at::arange(2));
  expect_close(guided(0.0), teacher_forced(model, codes, raster, nothing));
  EXPECT_GT((guided(3.0) - guided(1.0)).abs().max().item<double>(), 1e-3);
}

// What a batch is cut into changes nothing, dropped captions and dropout included.
TEST_P(CaptionReading, TrainsInPartsAsWhole) {
  const TransformerConfig config = reading_config(GetParam());
  const torch::Tensor codes = random_codes(6, config.grid);
  const TrainingBatch batch{codes, order_of("random", config.grid)->position_at(at::arange(6)),
                            captions(6)};
  TrainerSettings settings;
  settings.total_steps = 4;
  settings.condition_dropout = 0.5;
  const auto trained = [&](int64_t parts) {
    Transformer model(config);
    model->initialise(1);
    AnyOrderTrainer trainer(model, settings);
    if (parts > 0) trainer.set_micro_batch(parts);
    double loss = 0;
    for (int64_t i = 0; i < 4; ++i) loss = trainer.step(batch);
    return loss;
  };
  EXPECT_NEAR(trained(0), trained(2), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, CaptionReading,
    ::testing::Values(Reading{"relative+rotary", false, 0}, Reading{"relative+rotary", true, 0},
                      Reading{"absolute", false, 0}, Reading{"position_token", false, 0},
                      Reading{"rotary+position_token", true, 0},
                      Reading{"relative+rotary", false, 1}, Reading{"relative", true, 1}),
    [](const auto& info) {
      std::string name = info.param.encoding;
      std::replace(name.begin(), name.end(), '+', '_');
      return name + (info.param.cross_attention ? "_cross" : "_prefix") +
             (info.param.location_after > 0 ? "_location" : "");
    });

// With one token, attention to the caption has nothing to choose from: it adds the same vector,
// projection(value(caption)), wherever it looks from.
TEST(CrossAttention, ToOneTokenAddsThatTokensValue) {
  TransformerConfig config = small_config("relative");
  config.caption = {1, 5, 0, true};
  Transformer model = model_of(config);
  Block block = model->block(0);
  const torch::NoGradGuard no_gradients;
  const torch::Tensor caption = model->caption_input(torch::tensor({{3}}), 1);
  const auto named = block->named_parameters();
  const torch::Tensor value = at::linear(caption, named["cross_keys.weight"].narrow(0, 32, 32),
                                         named["cross_keys.bias"].narrow(0, 32, 32));
  const torch::Tensor added =
      at::linear(value, named["cross_projection.weight"], named["cross_projection.bias"]);
  // Without perceptron and self-attention, what is left of the block is that sum.
  named["down.weight"].zero_();
  named["down.bias"].zero_();
  named["projection.weight"].zero_();
  named["projection.bias"].zero_();
  const torch::Tensor x = torch::randn({1, 4, 32}, at::detail::createCPUGenerator(2));
  const torch::Tensor nothing = torch::zeros({1, 2, 4, 16});
  expect_close(block->finish(x, nothing, caption), x + added);
}

// Each row at length √D around 0, as a LayerNorm without learned scale leaves it.
TEST(CaptionEncoder, WithoutLayersIsTheNormOfTokenAndPlace) {
  TransformerConfig config = small_config("relative");
  config.caption = {2, 5, 0, false};
  Transformer model = model_of(config);
  const torch::NoGradGuard no_gradients;
  for (const auto& item : model->named_parameters()) {
    torch::Tensor parameter = item.value();
    if (item.key() == "caption.final_norm.weight") parameter.fill_(1.0);
  }
  const auto named = model->named_parameters();
  const torch::Tensor sum = at::stack({named["caption.token"][4] + named["caption.place"][0],
                                       named["caption.token"][5] + named["caption.place"][1]});
  const torch::Tensor centred = sum - sum.mean(1, true);
  const torch::Tensor expected = centred / (centred.square().mean(1, true) + 1e-5).sqrt();
  expect_close(model->caption_input(torch::tensor({{4, -1}}), 1)[0], expected);
}

TEST(CaptionEncoder, RefusesCaptionsBesideClassesAndSizesThatCannotBe) {
  TransformerConfig config = small_config("relative");
  config.caption = {4, 10, 1, false};
  config.num_classes = 3;
  EXPECT_THAT([&] { Transformer model(config); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("accepted: one of both")));
  config.num_classes = 0;
  config.caption.vocabulary = 0;
  EXPECT_THROW(Transformer model(config), std::invalid_argument);
}

}  // namespace
}  // namespace oar
