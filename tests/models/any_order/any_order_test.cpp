#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/any_order/cached_scorer.h"
#include "models/any_order/trainer.h"
#include "models/any_order/transformer.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int64_t kCodes = 11;

TransformerConfig small_config(const std::string& next_encoding, Grid grid = {3, 4}) {
  TransformerConfig config;
  config.grid = grid;
  config.codebook_size = kCodes;
  config.layers = 2;
  config.width = 32;
  config.heads = 2;
  config.next_encoding = next_encoding;
  config.dropout = 0.1;
  return config;
}

/// A model with weights large enough that its predictions are far from uniform.
Transformer model_of(const TransformerConfig& config, uint64_t seed = 1) {
  Transformer model(config);
  model->initialise(seed);
  const torch::NoGradGuard no_gradients;
  for (torch::Tensor& p : model->parameters()) p.mul_(4.0);
  model->eval();
  return model;
}

torch::Tensor random_codes(int64_t batch, const Grid& grid, uint64_t seed = 3) {
  torch::Tensor codes = torch::empty({batch, grid.size()}, torch::kInt64);
  int64_t* code = codes.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < codes.numel(); ++i) {
    code[i] = random_below(kCodes, seed, Stream::kTrainingBatch, {static_cast<uint64_t>(i)});
  }
  return codes;
}

std::unique_ptr<OrderPolicy> order_of(const std::string& name, const Grid& grid,
                                      double penalty = 0) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.distance_penalty = penalty;
  return make_order(config);
}

/// log P of each step of an order by one teacher-forced pass: float32 [B, N].
torch::Tensor teacher_forced(Transformer model, const torch::Tensor& codes,
                             const torch::Tensor& position_at, const torch::Tensor& labels = {}) {
  const torch::NoGradGuard no_gradients;
  return model->forward(codes, position_at, labels)
      .log_softmax(-1)
      .gather(2, codes.gather(1, position_at).unsqueeze(2))
      .squeeze(2);
}

class EveryNextEncoding : public ::testing::TestWithParam<std::string> {};

// The two statements of a likelihood, the search's and the training pass's, are the same number.
TEST_P(EveryNextEncoding, SearchAgreesWithOneTeacherForcedPassOverTheOrderItFound) {
  for (const Grid grid : {Grid{3, 4}, Grid{5, 2}, Grid{1, 1}}) {
    Transformer model = model_of(small_config(GetParam(), grid));
    const torch::Tensor codes = random_codes(5, grid);
    for (const double penalty : {0.0, 0.7}) {
      CachedScorer scorer(model, 5);
      const Rollout found = roll_out(scorer, *order_of("oar", grid, penalty),
                                     Confidence::kLikelihood, given_codes(codes), at::arange(5));
      const torch::Tensor expected = teacher_forced(model, codes, found.position_at);
      // fp32 with another order of summation: 1e-4 is the bound models.md sets.
      EXPECT_LT((found.log_likelihood - expected).abs().max().item<double>(), 1e-4);
    }
  }
}

// The reference knows no cache: prefix and all candidates in one sequence, kept apart by a mask.
TEST_P(EveryNextEncoding, SearchAgreesWithTheMaskedPassStepByStep) {
  const c10::InferenceMode no_gradients;
  const Grid grid{3, 3};
  const int64_t batch = 2, n = grid.size();
  Transformer model = model_of(small_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(batch, grid);
  const torch::Tensor position_at = order_of("random", grid)->position_at(at::arange(batch));
  CachedScorer scorer(model, batch);
  for (int64_t t = 0; t < n; ++t) {
    const int64_t r = n - t;
    const torch::Tensor candidates = std::get<0>(position_at.narrow(1, t, r).sort(1));
    const torch::Tensor cached = scorer.logits(candidates);

    const torch::Tensor nowhere = torch::full({batch, 1}, n, torch::kInt64);
    std::vector<torch::Tensor> inputs, from;
    if (t > 0) {
      inputs.push_back(model->first_input({}, position_at.narrow(1, 0, 1)));
      from.push_back(nowhere);
      if (t > 1) {
        const torch::Tensor placed = position_at.narrow(1, 0, t - 1);
        inputs.push_back(
            model->step_input(codes.gather(1, placed), placed, position_at.narrow(1, 1, t - 1)));
        from.push_back(placed);
      }
      const torch::Tensor last = position_at.narrow(1, t - 1, 1).expand({batch, r});
      inputs.push_back(model->step_input(codes.gather(1, last), last, candidates));
      from.push_back(last);
    } else {
      inputs.push_back(model->first_input({}, candidates));
      from.push_back(nowhere.expand({batch, r}));
    }
    torch::Tensor mask = torch::zeros({n, n}, torch::kBool);
    mask.narrow(0, 0, t).narrow(1, 0, t).copy_(torch::ones({t, t}, torch::kBool).tril());
    mask.narrow(0, t, r).narrow(1, 0, t).fill_(true);
    mask.narrow(0, t, r).narrow(1, t, r).copy_(torch::eye(r, torch::kBool));
    const torch::Tensor masked =
        model
            ->run(at::cat(inputs, 1), at::cat(from, 1),
                  at::cat({position_at.narrow(1, 0, t), candidates}, 1), mask)
            .narrow(1, t, r);
    EXPECT_LT((cached.log_softmax(-1) - masked.log_softmax(-1)).abs().max().item<double>(), 1e-4)
        << "step " << t;

    const torch::Tensor next = position_at.narrow(1, t, 1);
    scorer.place((candidates < next).sum(1), codes.gather(1, next).squeeze(1));
  }
}

TEST_P(EveryNextEncoding, ChangesThePredictionWithTheNextPosition) {
  const Grid grid{3, 4};
  Transformer model = model_of(small_config(GetParam(), grid));
  const torch::Tensor codes = random_codes(1, grid);
  CachedScorer scorer(model, 1);
  scorer.logits(torch::tensor({{5}}));
  scorer.place(torch::zeros({1}, torch::kInt64), codes.narrow(1, 5, 1).squeeze(1));
  const torch::Tensor logits = scorer.logits(torch::tensor({{4, 6}}));
  EXPECT_GT((logits[0][0] - logits[0][1]).abs().max().item<double>(), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryNextEncoding,
                         ::testing::Values("absolute", "relative", "rotary", "absolute+rotary",
                                           "relative+rotary", "absolute+relative+rotary"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '+', '_');
                           return name;
                         });

TEST(Sampling, InChunksOf1And7And32GivesTheSameTokens) {
  const Grid grid{4, 4};
  Transformer model = model_of(small_config("relative+rotary", grid));
  for (const std::string order : {"raster", "random", "oar"}) {
    for (const Confidence confidence : {Confidence::kLikelihood, Confidence::kMaxProbability}) {
      const auto sample = [&](int64_t chunk) {
        std::vector<torch::Tensor> codes, orders;
        for (int64_t begin = 0; begin < 32; begin += chunk) {
          const torch::Tensor images = at::arange(begin, std::min<int64_t>(32, begin + chunk));
          CachedScorer scorer(model, images.size(0));
          const Rollout drawn =
              roll_out(scorer, *order_of(order, grid), confidence, drawn_codes({}, images), images);
          codes.push_back(drawn.codes);
          orders.push_back(drawn.position_at);
        }
        return at::cat({at::cat(codes), at::cat(orders)}, 1);
      };
      const torch::Tensor whole = sample(32);
      EXPECT_TRUE(sample(1).equal(whole)) << order;
      EXPECT_TRUE(sample(7).equal(whole)) << order;
    }
  }
}

TEST(Sampling, AnotherSeedGivesOtherTokens) {
  const Grid grid{3, 3};
  Transformer model = model_of(small_config("relative", grid));
  const auto sample = [&](uint64_t seed) {
    CachedScorer scorer(model, 4);
    return roll_out(scorer, *order_of("raster", grid), Confidence::kLikelihood,
                    drawn_codes({.seed = seed}, at::arange(4)), at::arange(4))
        .codes;
  };
  EXPECT_FALSE(sample(1).equal(sample(2)));
}

TEST(Guidance, OfZeroIsTheModelWithoutItsLabel) {
  TransformerConfig config = small_config("relative+rotary");
  config.num_classes = 3;
  Transformer model = model_of(config);
  const torch::Tensor codes = random_codes(2, config.grid);
  const torch::Tensor labels = torch::tensor({0, 2});
  const auto likelihood = [&](const torch::Tensor& of, double scale) {
    CachedScorer scorer(model, 2, of, scale);
    return roll_out(scorer, *order_of("raster", config.grid), Confidence::kLikelihood,
                    given_codes(codes), at::arange(2))
        .log_likelihood;
  };
  const torch::Tensor none = torch::full({2}, -1, torch::kInt64);
  EXPECT_LT((likelihood(labels, 0.0) - likelihood(none, 1.0)).abs().max().item<double>(), 1e-4);
  EXPECT_GT((likelihood(labels, 1.0) - likelihood(none, 1.0)).abs().max().item<double>(), 1e-2);
  EXPECT_GT((likelihood(labels, 3.0) - likelihood(labels, 1.0)).abs().max().item<double>(), 1e-2);
}

TEST(Transformer, PresetsHaveTheSizesOfTheField) {
  const auto parameters = [](const std::string& preset) {
    TransformerConfig config = transformer_preset(preset);
    config.grid = Grid{16, 16};
    config.codebook_size = 1024;
    const int64_t d = config.width, tables = 1024 + 16 + 16 + 256 + 1 + 31 * 31;
    return config.layers * (12 * d * d + 13 * d) + tables * d + 2 * d + (d + 1) * 1024;
  };
  TransformerConfig config = transformer_preset("tiny");
  config.grid = Grid{16, 16};
  config.codebook_size = 1024;
  Transformer tiny(config);
  int64_t counted = 0;
  for (const torch::Tensor& p : tiny->parameters()) counted += p.numel();
  EXPECT_EQ(counted, parameters("tiny"));      // the formula is the network's
  EXPECT_NEAR(parameters("base"), 87e6, 2e6);  // plain GELU blocks of 12 D² weights
  EXPECT_NEAR(parameters("large"), 305e6, 3e6);
  EXPECT_THAT(
      [] { transformer_preset("huge"); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("known: nano, tiny, small, base, large")));
}

TEST(Transformer, NamesSizesThatDoNotFit) {
  TransformerConfig config = small_config("relative");
  config.heads = 3;
  EXPECT_THAT([&] { Transformer model(config); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("multiple of 4 x heads")));
  config = small_config("relative");
  config.grid = Grid{0, 4};
  EXPECT_THROW(Transformer model(config), std::invalid_argument);
}

TEST(NextEncoding, JoinsNamesByPlus) {
  const NextEncoding both = parse_next_encoding("relative+rotary");
  EXPECT_TRUE(both.relative && both.rotary && !both.absolute);
  EXPECT_THAT([] { parse_next_encoding("relativ"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(
                  "nothing is called \"relativ\"; accepted: absolute, relative, rotary")));
  EXPECT_THROW(parse_next_encoding("rotary+rotary"), std::invalid_argument);
  EXPECT_THROW(parse_next_encoding(""), std::invalid_argument);
}

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
