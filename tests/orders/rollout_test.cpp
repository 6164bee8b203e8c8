#include "orders/rollout.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "orders/order_statistics.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// A "model" whose logits at a position never change: table float32 [N, V], the same for each
/// image.
class TableScorer : public StepScorer {
 public:
  TableScorer(torch::Tensor table, int64_t batch) : table_(std::move(table)), batch_(batch) {}
  int64_t batch() const override { return batch_; }
  torch::Device device() const override { return torch::kCPU; }
  void score(const torch::Tensor& candidates, const Visit& visit) override {
    logits_ = at(candidates);
    evaluations_ += candidates.numel();
    visit(0, logits_);
  }
  torch::Tensor chosen_logits(const torch::Tensor& choice) override {
    return logits_.gather(1, choice.view({-1, 1, 1}).expand({batch_, 1, table_.size(1)}))
        .squeeze(1);
  }
  void place(const torch::Tensor&, const torch::Tensor&) override {}
  torch::Tensor prefill(const torch::Tensor& positions, const torch::Tensor& codes) override {
    return at(positions).log_softmax(-1).gather(2, codes.unsqueeze(2)).squeeze(2);
  }
  torch::Tensor location_log_probabilities() override { throw std::logic_error("no head"); }
  torch::Tensor future_context(const torch::Tensor&, const torch::Tensor&) override {
    throw std::logic_error("no context");
  }
  int64_t token_evaluations() const override { return evaluations_; }

 private:
  torch::Tensor at(const torch::Tensor& positions) const {
    return table_.index_select(0, positions.flatten())
        .view({positions.size(0), positions.size(1), table_.size(1)});
  }

  torch::Tensor table_, logits_;
  int64_t batch_, evaluations_ = 0;
};

OrderConfig config_of(const std::string& name, Grid grid) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  return config;
}

torch::Tensor logs(std::vector<std::vector<double>> probabilities) {
  std::vector<torch::Tensor> rows;
  for (const auto& row : probabilities) rows.push_back(torch::tensor(row).log());
  return torch::stack(rows).to(torch::kFloat32);
}

TEST(RollOut, LabelsByTheLikelihoodOfTheTrueCode) {
  TableScorer scorer(logs({{.5, .5}, {.9, .1}, {.2, .8}}), 1);
  const auto oar = make_order(config_of("oar", Grid{1, 3}));
  const torch::Tensor codes = torch::tensor({{0, 1, 1}});  // log P: .5, .1, .8
  const Rollout found = roll_out(scorer, *oar, given_codes(codes), at::arange(1));
  EXPECT_TRUE(found.position_at.equal(torch::tensor({{2, 0, 1}})));
  EXPECT_TRUE(found.codes.equal(codes));
  EXPECT_NEAR(found.log_likelihood[0][0].item<double>(), std::log(.8), 1e-6);
  EXPECT_NEAR(found.log_likelihood[0][2].item<double>(), std::log(.1), 1e-6);
}

TEST(RollOut, LabelsByMaxProbabilityWithoutPeekingAtTheCode) {
  TableScorer scorer(logs({{.5, .5}, {.9, .1}, {.2, .8}}), 1);
  const auto oar = make_order(config_of("oar", Grid{1, 3}));
  const Rollout found = roll_out(scorer, *oar, given_codes(torch::tensor({{0, 1, 1}})),
                                 at::arange(1), {.confidence = Confidence::kMaxProbability});
  EXPECT_TRUE(found.position_at.equal(torch::tensor({{1, 2, 0}})));
}

TEST(RollOut, AFixedOrderIsFollowed) {
  TableScorer scorer(logs({{.5, .5}, {.9, .1}, {.2, .8}}), 2);
  const Rollout found = roll_out(scorer, *make_order(config_of("raster", Grid{1, 3})),
                                 given_codes(torch::tensor({{0, 1, 1}, {1, 0, 0}})), at::arange(2));
  EXPECT_TRUE(found.position_at.equal(torch::tensor({{0, 1, 2}, {0, 1, 2}})));
}

TEST(RollOut, NamesAModelWhoseLogitsAreNotFinite) {
  TableScorer scorer(torch::full({2, 2}, std::numeric_limits<float>::quiet_NaN()), 1);
  EXPECT_THAT(
      [&] {
        roll_out(scorer, *make_order(config_of("raster", Grid{1, 2})),
                 given_codes(torch::zeros({1, 2}, torch::kInt64)), at::arange(1));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("not finite")));
}

TEST(DrawnCodes, FollowTheDistribution) {
  const int64_t images = 8000;
  const torch::Tensor logits = logs({{.1, .2, .7}}).unsqueeze(0).expand({images, 1, 3});
  const torch::Tensor drawn =
      drawn_codes({}, at::arange(images))(logits, torch::zeros({images, 1}, torch::kInt64), 0);
  const double expected[] = {800, 1600, 5600};
  for (int64_t v = 0; v < 3; ++v) {  // five standard deviations of a binomial count
    EXPECT_NEAR((drawn == v).sum().item<double>(), expected[v],
                5 * std::sqrt(expected[v] * (1 - expected[v] / images)));
  }
}

TEST(DrawnCodes, AreDrawnAnewAtEveryStepAndPosition) {
  const torch::Tensor logits = torch::zeros({1, 2, 1024});
  const CodeSource source = drawn_codes({}, at::arange(1));
  const torch::Tensor at_step_0 = source(logits, torch::tensor({{0, 1}}), 0);
  const torch::Tensor at_step_1 = source(logits, torch::tensor({{0, 1}}), 1);
  EXPECT_NE(at_step_0[0][0].item<int64_t>(), at_step_0[0][1].item<int64_t>());
  EXPECT_FALSE(at_step_0.equal(at_step_1));
}

std::vector<bool> codes_ever_drawn(const SamplingOptions& options, const torch::Tensor& logits) {
  const int64_t images = 2000, v = logits.size(-1);
  const torch::Tensor drawn = drawn_codes(options, at::arange(images))(
      logits.view({1, 1, v}).expand({images, 1, v}), torch::zeros({images, 1}, torch::kInt64), 0);
  std::vector<bool> ever;
  for (int64_t i = 0; i < v; ++i) ever.push_back((drawn == i).any().item<bool>());
  return ever;
}

TEST(DrawnCodes, TopKKeepsTheKMostLikely) {
  SamplingOptions options;
  options.top_k = 2;
  EXPECT_EQ(codes_ever_drawn(options, logs({{.2, .1, .4, .3}})),
            (std::vector<bool>{false, false, true, true}));
}

TEST(DrawnCodes, TopPKeepsTheSmallestSetThatReachesP) {
  SamplingOptions options;
  options.top_p = 0.6;  // .4 is not enough, .4 + .3 is
  EXPECT_EQ(codes_ever_drawn(options, logs({{.2, .1, .4, .3}})),
            (std::vector<bool>{false, false, true, true}));
  options.top_p = 0.35;
  EXPECT_EQ(codes_ever_drawn(options, logs({{.2, .1, .4, .3}})),
            (std::vector<bool>{false, false, true, false}));
}

TEST(DrawnCodes, ACodeWithoutProbabilityIsNeverDrawn) {
  EXPECT_EQ(codes_ever_drawn({}, logs({{0, .5, 0, .5, 0}})),
            (std::vector<bool>{false, true, false, true, false}));
}

TEST(DrawnCodes, ALowTemperatureSharpens) {
  SamplingOptions options;
  options.temperature = 0.01;
  EXPECT_EQ(codes_ever_drawn(options, logs({{.3, .4, .3}})),
            (std::vector<bool>{false, true, false}));
}

TEST(DrawnCodes, RefuseOptionsOutOfRange) {
  EXPECT_THAT([] { drawn_codes({.temperature = 0}, at::arange(1)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("temperature must be > 0, got 0")));
  EXPECT_THAT([] { drawn_codes({.top_k = -1}, at::arange(1)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("top_k must be >= 0, got -1")));
  EXPECT_THAT([] { drawn_codes({.top_p = 1.5}, at::arange(1)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("top_p must be in (0, 1], got 1.5")));
}

TEST(ConfidenceOf, IsInNats) {
  const torch::Tensor log_probabilities = logs({{.5, .25, .25}}).unsqueeze(0);
  const torch::Tensor code = torch::tensor({{1}});
  const auto value = [&](Confidence kind) {
    return confidence_of(kind, log_probabilities, code).item<double>();
  };
  EXPECT_NEAR(value(Confidence::kLikelihood), std::log(.25), 1e-6);
  EXPECT_NEAR(value(Confidence::kMaxProbability), std::log(.5), 1e-6);
  EXPECT_NEAR(value(Confidence::kEntropy), -1.5 * std::log(2), 1e-6);
  EXPECT_NEAR(value(Confidence::kMargin), std::log(2), 1e-6);
}

TEST(ConfidenceOf, KnowsItsNames) {
  EXPECT_EQ(confidence_from_name("entropy"), Confidence::kEntropy);
  EXPECT_EQ(confidence_from_name("margin"), Confidence::kMargin);
  EXPECT_THROW(confidence_from_name("certainty"), std::invalid_argument);
}

}  // namespace
}  // namespace oar
