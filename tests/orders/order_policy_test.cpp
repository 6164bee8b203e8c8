#include "orders/order_policy.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "orders/choose_next.h"
#include "orders/order_statistics.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::Throws;
using ::testing::ThrowsMessage;

constexpr float kInf = std::numeric_limits<float>::infinity();

OrderConfig config_of(const std::string& name, Grid grid, uint64_t seed = 0) {
  OrderConfig config;
  config.name = name;
  config.grid = grid;
  config.seed = seed;
  return config;
}

/// Walks a policy step by step; a learned one ranks by numbers hashed from (image, step, position).
torch::Tensor walk(const OrderPolicy& policy, const torch::Tensor& images) {
  const int64_t batch = images.size(0), n = policy.config().grid.size();
  torch::Tensor order = torch::empty({batch, n}, torch::kInt64);
  StepState state;
  state.images = images;
  state.filled = torch::zeros({batch, n}, torch::kBool);
  for (state.step = 0; state.step < n; ++state.step) {
    state.confidence = torch::empty({batch, n});
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t p = 0; p < n; ++p) {
        state.confidence[b][p] =
            random_uniform(7, Stream::kTrainingBatch,
                           {static_cast<uint64_t>(images[b].item<int64_t>()),
                            static_cast<uint64_t>(state.step), static_cast<uint64_t>(p)});
      }
    }
    state.last = state.step > 0 ? order.select(1, state.step - 1) : torch::Tensor();
    const torch::Tensor next = policy.next(state);
    EXPECT_FALSE(state.filled.gather(1, next.unsqueeze(1)).any().item<bool>());
    state.filled.scatter_(1, next.unsqueeze(1), true);
    order.select(1, state.step).copy_(next);
  }
  return order;
}

class EveryOrder : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryOrder, PlacesEachPatchExactlyOnceOnEveryGridUpTo6x5) {
  for (int64_t rows = 1; rows <= 6; ++rows) {
    for (int64_t cols = 1; cols <= 5; ++cols) {
      const auto policy = make_order(config_of(GetParam(), Grid{rows, cols}));
      EXPECT_NO_THROW(step_of(walk(*policy, at::arange(2)))) << rows << "x" << cols;
    }
  }
}

TEST_P(EveryOrder, IsTheSameForTheSameSeedAndInAnyBatch) {
  const Grid grid{4, 3};
  const torch::Tensor whole = walk(*make_order(config_of(GetParam(), grid, 5)), at::arange(6));
  const torch::Tensor part = walk(*make_order(config_of(GetParam(), grid, 5)), at::arange(4, 6));
  EXPECT_TRUE(whole.slice(0, 4, 6).equal(part));
}

TEST_P(EveryOrder, RefusesAFullGrid) {
  const auto policy = make_order(config_of(GetParam(), Grid{2, 2}));
  StepState state;
  state.images = at::arange(1);
  state.step = 4;
  state.filled = torch::ones({1, 4}, torch::kBool);
  state.confidence = torch::zeros({1, 4});
  EXPECT_THROW(policy->next(state), std::logic_error);
}

TEST_P(EveryOrder, RefusesAStateOfAnotherGrid) {
  const auto policy = make_order(config_of(GetParam(), Grid{2, 2}));
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::zeros({1, 9}, torch::kBool);
  state.confidence = torch::zeros({1, 9});
  EXPECT_THAT([&] { policy->next(state); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("must be [B, 4] for a 2x2 grid")));
}

TEST_P(EveryOrder, HasASummaryInTheRegistry) {
  for (const OrderInfo& info : list_orders()) {
    if (info.name == GetParam()) {
      EXPECT_GT(info.summary.size(), 10u);
    }
  }
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const OrderInfo& info : list_orders()) names.push_back(info.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Registry, EveryOrder, ::testing::ValuesIn(all_names()),
                         [](const auto& info) { return info.param; });

TEST(RasterOrder, ReadsRowByRow) {
  const auto policy = make_order(config_of("raster", Grid{2, 3}));
  EXPECT_TRUE(policy->position_at(at::arange(1)).equal(torch::tensor({{0, 1, 2, 3, 4, 5}})));
}

TEST(RandomOrder, PutsEveryPatchFirstEquallyOften) {
  const auto policy = make_order(config_of("random", Grid{2, 2}));
  const torch::Tensor first = policy->position_at(at::arange(4000)).select(1, 0);
  // 1000 expected of 4000; the standard deviation of a count is sqrt(4000 · 1/4 · 3/4) = 27.4.
  for (int64_t p = 0; p < 4; ++p) EXPECT_NEAR((first == p).sum().item<int64_t>(), 1000, 5 * 27.4);
}

TEST(RandomOrder, ChangesWithTheSeed) {
  const torch::Tensor a =
      make_order(config_of("random", Grid{4, 4}, 1))->position_at(at::arange(1));
  const torch::Tensor b =
      make_order(config_of("random", Grid{4, 4}, 2))->position_at(at::arange(1));
  EXPECT_FALSE(a.equal(b));
}

TEST(OarOrder, TakesTheMostConfidentOpenPatch) {
  const auto policy = make_order(config_of("oar", Grid{1, 4}));
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::tensor({{false, true, false, false}});
  state.confidence = torch::tensor({{-3.f, -0.1f, -1.f, -2.f}});
  EXPECT_EQ(policy->next(state).item<int64_t>(), 2);
}

TEST(OarOrder, TakesLambdaTimesTheDistanceOff) {
  OrderConfig config = config_of("oar", Grid{1, 4});
  config.distance_penalty = 0.6;
  const auto policy = make_order(config);
  StepState state;
  state.images = at::arange(1);
  state.step = 1;
  state.last = torch::tensor({0});
  state.filled = torch::tensor({{true, false, false, false}});
  state.confidence = torch::tensor({{0.f, -1.f, -2.f, -0.1f}});
  // Position 3: -0.1 - 3 · 0.6 = -1.9; position 1: -1 - 0.6 = -1.6 wins.
  EXPECT_EQ(policy->next(state).item<int64_t>(), 1);
}

TEST(OarOrder, BreaksTiesByTheLowestPosition) {
  const auto policy = make_order(config_of("oar", Grid{1, 4}));
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::tensor({{true, false, false, false}});
  state.confidence = torch::full({1, 4}, -1.5f);
  EXPECT_EQ(policy->next(state).item<int64_t>(), 1);
}

TEST(ChooseNext, TakesAnOpenPatchEvenIfAllAreImpossible) {
  EXPECT_EQ(choose_next(torch::full({1, 3}, -kInf), torch::tensor({{true, true, false}}), {},
                        torch::zeros({3, 3}))
                .item<int64_t>(),
            2);
}

TEST(ChooseNext, RefusesAConfidenceThatIsNotANumber) {
  EXPECT_THAT(
      [] {
        choose_next(torch::full({1, 2}, std::numeric_limits<float>::quiet_NaN()),
                    torch::zeros({1, 2}, torch::kBool), {}, torch::zeros({2, 2}));
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("not a number")));
}

TEST(ChooseNext, CudaAgreesWithCpu) {
  if (!torch::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  torch::manual_seed(1);
  const torch::Tensor confidence = torch::randn({64, 256}), filled = torch::rand({64, 256}) < 0.5;
  const torch::Tensor last = torch::randint(256, {64}, torch::kInt64);
  const torch::Tensor penalty =
      distance_table(Grid{16, 16}, Distance::kEuclidean).to(torch::kFloat32);
  EXPECT_TRUE(choose_next(confidence.cuda(), filled.cuda(), last.cuda(), penalty.cuda())
                  .cpu()
                  .equal(choose_next(confidence, filled, last, penalty)));
}

TEST(MakeOrder, NamesAnUnknownPolicyAndTheKnownOnes) {
  EXPECT_THAT(
      [] {
        make_order(config_of("rastr", Grid{2, 2}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("no order policy is called \"rastr\"; known: raster, random, oar")));
}

TEST(MakeOrder, RefusesANegativePenaltyAndAnEmptyGrid) {
  OrderConfig config = config_of("oar", Grid{2, 2});
  config.distance_penalty = -0.5;
  EXPECT_THAT([&] { make_order(config); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("distance_penalty must be >= 0, got -0.5; use 0 to switch it off")));
  EXPECT_THROW(make_order(config_of("raster", Grid{0, 4})), std::invalid_argument);
}

TEST(DistanceTable, MeasuresBetweenPatchCentres) {
  const Grid grid{4, 5};  // from (0, 0) to (3, 4): position 19
  EXPECT_DOUBLE_EQ(distance_table(grid, Distance::kEuclidean)[0][19].item<double>(), 5.0);
  EXPECT_DOUBLE_EQ(distance_table(grid, Distance::kManhattan)[0][19].item<double>(), 7.0);
  EXPECT_DOUBLE_EQ(distance_table(grid, Distance::kChebyshev)[0][19].item<double>(), 4.0);
  EXPECT_THROW(distance_from_name("euclid"), std::invalid_argument);
}

}  // namespace
}  // namespace oar
