#include "harness/stages/known_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "datasets/planted_path.h"
#include "harness/stages/order_options.h"
#include "models/any_order/cached_scorer.h"
#include "models/any_order/trainer.h"
#include "orders/order_policy.h"
#include "orders/order_statistics.h"
#include "orders/rollout.h"
#include "tests/harness/stages/true_model.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor row(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64).unsqueeze(0);
}

/// Every order of n patches: int64 [n!, n].
torch::Tensor all_orders(int64_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::vector<torch::Tensor> orders;
  do orders.push_back(row(order));
  while (std::next_permutation(order.begin(), order.end()));
  return torch::cat(orders);
}

TEST(PathAdjacentShare, IsOneAlongThePathBothWaysAndFromItsMiddle) {
  const torch::Tensor path = row({3, 1, 0, 2})[0];
  EXPECT_EQ(path_adjacent_share(row({3, 1, 0, 2}), path)[0].item<double>(), 1.0);
  EXPECT_EQ(path_adjacent_share(row({2, 0, 1, 3}), path)[0].item<double>(), 1.0);
  EXPECT_EQ(path_adjacent_share(row({0, 1, 2, 3}), path)[0].item<double>(), 1.0);
}

TEST(PathAdjacentShare, CountsStepsThatTouchAPlacedPatchOfThePath) {
  const torch::Tensor path = row({0, 1, 2, 3, 4})[0];
  // 0, then 2 and 4 touch nothing, then 1 and 3 touch two each.
  EXPECT_DOUBLE_EQ(path_adjacent_share(row({0, 2, 4, 1, 3}), path)[0].item<double>(), 0.5);
  // 4 touches nothing, 3 touches 4, 1 touches 0, 2 the rest.
  EXPECT_DOUBLE_EQ(path_adjacent_share(row({0, 4, 3, 1, 2}), path)[0].item<double>(), 0.75);
}

TEST(PathAdjacentShare, OfRandomOrdersIsTheMeanOverAllOrders) {
  for (const int64_t n : {2, 3, 4, 7}) {
    const torch::Tensor path = all_orders(n)[n / 2];
    EXPECT_NEAR(path_adjacent_share(all_orders(n), path).mean().item<double>(),
                random_path_adjacent_share(n), 1e-12)
        << n;
  }
  EXPECT_DOUBLE_EQ(random_path_adjacent_share(16), 31.0 / 45.0);
  EXPECT_TRUE(std::isnan(random_path_adjacent_share(1)));
  EXPECT_TRUE(std::isnan(path_adjacent_share(row({0}), row({0})[0])[0].item<double>()));
}

TEST(PathAdjacentShare, RefusesAPathThatIsNone) {
  EXPECT_THROW(path_adjacent_share(row({0, 1, 2}), row({0, 1, 1})[0]), std::invalid_argument);
  EXPECT_THROW(path_adjacent_share(row({0, 1, 1}), row({0, 1, 2})[0]), std::invalid_argument);
  EXPECT_THAT(
      [] {
        path_adjacent_share(row({0, 1, 2}), row({0, 1})[0]);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("the path has 2 patches")));
}

TEST(PatchParts, IsWhatMostPixelsShowAndTheLowestOfEquals) {
  const torch::Tensor mask = torch::tensor({0, 0, 1, 2,   //
                                            0, 1, 2, 2,   //
                                            1, 1, 0, 2,   //
                                            2, 2, 1, 0},  //
                                           torch::kUInt8)
                                 .view({1, 4, 4});
  EXPECT_TRUE(patch_parts(mask, {2, 2}, 3).equal(row({0, 2, 1, 0})));
  EXPECT_TRUE(patch_parts(mask, {2, 1}, 3).equal(row({0, 1})));  // 3:2:3, then 2:3:3
  EXPECT_THAT(
      [&] {
        patch_parts(mask, {3, 2}, 3);
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("a mask of 4x4 pixels has no whole patches on a grid of 3x2")));
}

TEST(Precedence, ComparesMeanStepsAndFirstStepsOfTheImagesThatShowBoth) {
  const torch::Tensor steps = torch::tensor({0, 1, 2, 3, 4,   // one: 0, 4; other: 1, 2: later on
                                                              // average, though it starts
                                             4, 1, 3, 0, 2,   // one: 4, 2; other: 1, 3
                                             0, 3, 2, 1, 4,   // one: 0, 4; other: 3, 2
                                             0, 1, 2, 3, 4},  // no other
                                            torch::kInt64)
                                  .view({4, 5});
  torch::Tensor one = torch::zeros({4, 5}, torch::kBool), other = one.clone();
  one.select(1, 0).fill_(true);
  one.select(1, 4).fill_(true);
  other.slice(0, 0, 3).slice(1, 1, 3).fill_(true);
  const Precedence found = precedence_of(steps, one, other);
  EXPECT_EQ(found.images, 3);
  EXPECT_DOUBLE_EQ(found.mean_share, 1.0 / 3);  // 2 > 1.5, 3 > 2, 2 < 2.5
  EXPECT_DOUBLE_EQ(found.first_share, 2.0 / 3);
  EXPECT_DOUBLE_EQ(found.random_first_share, 0.5);
}

TEST(Precedence, OfRandomOrdersIsTheMeanOverAllOrders) {
  const torch::Tensor steps = step_of(all_orders(5));
  const torch::Tensor one = row({1, 0, 0, 0, 1}).to(torch::kBool).expand_as(steps),
                      other = row({0, 1, 1, 1, 0}).to(torch::kBool).expand_as(steps);
  const Precedence found = precedence_of(steps, one, other);
  EXPECT_NEAR(found.mean_share, 0.5, 1e-12);
  EXPECT_NEAR(found.first_share, found.random_first_share, 1e-12);
  EXPECT_DOUBLE_EQ(found.random_first_share, 2.0 / 5);
}

TEST(Precedence, OfNoImageIsNoNumber) {
  const torch::Tensor none = torch::zeros({1, 3}, torch::kBool);
  const Precedence found = precedence_of(row({0, 1, 2}), none.logical_not(), none);
  EXPECT_EQ(found.images, 0);
  EXPECT_TRUE(std::isnan(found.mean_share));
  EXPECT_TRUE(std::isnan(found.first_share));
}

constexpr int64_t kImages = 24;

/// A 3x3 grid whose patches follow each other boustrophedon.
PlantedPath planted() {
  PlantedPathConfig config;
  config.path = row({0, 1, 2, 5, 4, 3, 6, 7, 8})[0];
  config.codes = 4;
  config.noise = 0.2;
  return PlantedPath(config);
}

Rollout labelled_by_the_truth(const PlantedPath& data, const std::string& order,
                              Confidence confidence) {
  TrueModel model(data, kImages);
  OrderConfig config;
  config.name = order;
  config.grid = {3, 3};
  RolloutOptions options;
  options.confidence = confidence;
  return roll_out(model, *make_order(config), given_codes(data.codes(0, kImages)),
                  torch::arange(kImages), options);
}

TEST(TrueModel, GivesEveryOrderOfAnImageTheSameTotalEvenOneThatPeeks) {  // the chain rule
  const PlantedPath data = planted();
  const torch::Tensor expected = data.log_likelihood(data.codes(0, kImages));
  for (const auto& [order, confidence] :
       {std::pair{"raster", Confidence::kLikelihood}, std::pair{"random", Confidence::kLikelihood},
        std::pair{"oar", Confidence::kMaxProbability}, std::pair{"oar", Confidence::kEntropy},
        std::pair{"oar", Confidence::kLikelihood}}) {
    const torch::Tensor found = labelled_by_the_truth(data, order, confidence).log_likelihood;
    EXPECT_LT((found.sum(1, false, torch::kFloat64) - expected).abs().max().item<double>(), 1e-4)
        << order;  // nine float32 logarithms
  }
}

TEST(TrueModel, IsFollowedAlongThePathByEveryRankThatDoesNotPeek) {
  const PlantedPath data = planted();
  for (const Confidence confidence :
       {Confidence::kMaxProbability, Confidence::kEntropy, Confidence::kMargin}) {
    const torch::Tensor orders = labelled_by_the_truth(data, "oar", confidence).position_at;
    EXPECT_EQ(path_adjacent_share(orders, data.config().path).min().item<double>(), 1.0)
        << name_of(confidence);
  }
}

/// A 2x4 grid whose columns are walked one after the other: a path that raster, which a search
/// falls back to where all patches look alike, follows in 4 of 7 steps only.
class Columns {
 public:
  static constexpr int64_t kTraining = 100'000, kHeldOut = 500, kBatch = 32;

  Columns() : data_(config()), given_(data_.codes(kTraining, kTraining + kHeldOut)) {}

  static OrderConfig order(const std::string& name) {
    OrderConfig config;
    config.name = name;
    config.grid = {2, 4};
    return config;
  }

  /// A model trained in an order.
  Transformer trained(const std::string& order_name, const std::string& encoding,
                      int64_t steps) const {
    TransformerConfig config;
    config.grid = {2, 4};
    config.codebook_size = data_.config().codes;
    config.layers = 2;
    config.width = 64;
    config.next_encoding = encoding;
    config.dropout = 0;
    Transformer model(config);
    model->initialise(1);
    TrainerSettings settings;
    settings.total_steps = steps;
    settings.learning_rate = 3e-3;
    settings.warmup = 0.1;
    AnyOrderTrainer trainer(model, settings);
    OrderConfig training = order(order_name);
    training.stream = Stream::kTrainingOrder;
    const auto policy = make_order(training);
    for (int64_t first = 0; trainer.steps_done() < steps; first += kBatch) {
      const int64_t image = first % kTraining;
      trainer.step({data_.codes(image, image + kBatch),
                    policy->position_at(torch::arange(first, first + kBatch)),
                    {}});
    }
    model->eval();
    return model;
  }

  struct Answer {
    double excess = 0, over_entropy = 0, along_path = 0;
    bool peeks = false;
  };
  Answer answer(const Transformer& model, const std::string& order_name,
                Confidence confidence = Confidence::kMaxProbability) const {
    const auto policy = make_order(order(order_name));
    RolloutOptions options;
    options.confidence = confidence;
    CachedScorer scorer(model, kHeldOut);
    const Rollout found =
        roll_out(scorer, *policy, given_codes(given_), torch::arange(kHeldOut), options);
    const torch::Tensor nats = -found.log_likelihood.sum(1, false, torch::kFloat64);
    return {(nats + data_.log_likelihood(given_)).mean().item<double>(),
            nats.mean().item<double>() - data_.entropy(),
            path_adjacent_share(found.position_at, data_.config().path).mean().item<double>(),
            peeks(*policy, options)};
  }

 private:
  static PlantedPathConfig config() {
    PlantedPathConfig config;
    config.path = make_order(order("column"))->position_at(torch::zeros({1}, torch::kInt64))[0];
    config.codes = 4;
    config.noise = 0.3;
    return config;
  }

  PlantedPath data_;
  torch::Tensor given_;
};

// Four other training seeds came out at: path 0.01, raster 0.67 to 0.74, random 0.9 to 1.7; search
// 0.00 to 0.05, all steps along the path; the peeking search -0.27 to -0.35.
TEST(KnownAnswer, TrainsModelsWhoseOrdersDoAgainstTheTruthAsTheorySays) {
  const Columns columns;
  // At equal cost the path has the least excess nats.
  const auto own_excess = [&](const std::string& order) {
    return columns.answer(columns.trained(order, "relative+rotary", 200), order).excess;
  };
  const double path = own_excess("column");
  EXPECT_LT(path, 0.05);
  EXPECT_GT(own_excess("raster"), path + 0.3);
  EXPECT_GT(own_excess("random"), path + 0.3);

  // A model of any order finds the path by what it is sure of.
  const Transformer any_order = columns.trained("random", "relative+rotary", 2000);
  const Columns::Answer search = columns.answer(any_order, "oar");
  EXPECT_GT(search.along_path, 0.97);
  EXPECT_LT(search.excess, path + 0.1);
  EXPECT_FALSE(search.peeks);
  EXPECT_LT(columns.answer(any_order, "random").along_path, 0.8);  // chance: 15/21

  // Ranked by the true code it falls below the entropy, and is marked.
  const Columns::Answer peeking = columns.answer(any_order, "oar", Confidence::kLikelihood);
  EXPECT_LT(peeking.excess, -0.1);
  EXPECT_LT(peeking.over_entropy, -0.1);
  EXPECT_TRUE(peeking.peeks);

  // A model that is not told where the next patch goes finds nothing.
  const Columns::Answer blind = columns.answer(columns.trained("random", "none", 300), "oar");
  EXPECT_LT(blind.along_path, 0.7);
  EXPECT_GT(blind.excess, path + 1);
}

}  // namespace
}  // namespace oar
