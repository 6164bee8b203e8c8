#include "orders/order_policy.h"

#include <ATen/ops/arange.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/orders/steps_of.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

bool is_learned(const std::string& name) {
  return make_order(order_config(name, Grid{1, 1}))->is_learned();
}

/// Walks a policy step by step; a learned one ranks by numbers hashed from (image, step, position).
torch::Tensor walk(const OrderPolicy& policy, const torch::Tensor& images,
                   torch::Device device = torch::kCPU) {
  const int64_t batch = images.size(0), n = policy.config().grid.size();
  torch::Tensor order = torch::empty({batch, n}, torch::kInt64);
  StepState state;
  state.images = images;
  state.filled = torch::zeros({batch, n}, torch::kBool).to(device);
  for (state.step = 0; state.step < n; ++state.step) {
    torch::Tensor confidence = torch::empty({batch, n});
    for (int64_t i = 0; i < batch * n; ++i) {
      confidence.mutable_data_ptr<float>()[i] = static_cast<float>(
          random_uniform(7, Stream::kTrainingBatch,
                         {static_cast<uint64_t>(images[i / n].item<int64_t>()),
                          static_cast<uint64_t>(state.step), static_cast<uint64_t>(i % n)}));
    }
    state.confidence = confidence.to(device);
    const torch::Tensor next = policy.next(state);
    EXPECT_EQ(next.device().type(), device.type());
    EXPECT_FALSE(state.filled.gather(1, next.unsqueeze(1)).any().item<bool>());
    state.filled.scatter_(1, next.unsqueeze(1), true);
    order.select(1, state.step).copy_(next);
    state.last = next;
  }
  return order;
}

class EveryOrder : public ::testing::TestWithParam<std::string> {};
class EveryFixedOrder : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryOrder, PlacesEachPatchExactlyOnceStepByStep) {
  std::vector<Grid> grids = all_grids(6, 5);
  if (is_learned(GetParam())) grids.insert(grids.end(), {{16, 16}, {24, 1}, {1, 24}, {24, 16}});
  for (const Grid& grid : grids) {
    const auto policy = make_order(order_config(GetParam(), grid));
    EXPECT_NO_THROW(step_of(walk(*policy, at::arange(2)))) << grid.rows << "x" << grid.cols;
  }
}

TEST_P(EveryFixedOrder, IsAPermutationOfEveryGridUpTo24x16) {
  for (const Grid& grid : all_grids(24, 16)) {
    const torch::Tensor orders =
        make_order(order_config(GetParam(), grid))->position_at(at::arange(2));
    ASSERT_EQ(orders.sizes(), (std::vector<int64_t>{2, grid.size()}));
    ASSERT_NO_THROW(step_of(orders)) << grid.rows << "x" << grid.cols;
  }
}

TEST_P(EveryOrder, IsTheSameForTheSameSeedAndInAnyBatch) {
  const Grid grid{4, 3};
  const torch::Tensor whole = walk(*make_order(order_config(GetParam(), grid, 5)), at::arange(6));
  const torch::Tensor part = walk(*make_order(order_config(GetParam(), grid, 5)), at::arange(4, 6));
  EXPECT_TRUE(whole.slice(0, 4, 6).equal(part));
}

TEST_P(EveryOrder, TakesTheWayItAnnouncedIfItIsFixed) {
  const auto policy = make_order(order_config(GetParam(), Grid{4, 3}, 5));
  if (policy->is_learned()) {
    EXPECT_THROW(policy->position_at(at::arange(3)), std::logic_error);
  } else {
    EXPECT_TRUE(policy->position_at(at::arange(3)).equal(walk(*policy, at::arange(3))));
  }
}

TEST_P(EveryOrder, CudaAgreesWithCpu) {
  if (!torch::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  const auto policy = make_order(order_config(GetParam(), Grid{5, 4}, 3));
  EXPECT_TRUE(walk(*policy, at::arange(4), torch::kCUDA).equal(walk(*policy, at::arange(4))));
}

TEST_P(EveryOrder, RefusesAFullGrid) {
  const auto policy = make_order(order_config(GetParam(), Grid{2, 2}));
  StepState state;
  state.images = at::arange(1);
  state.step = 4;
  state.filled = torch::ones({1, 4}, torch::kBool);
  state.confidence = torch::zeros({1, 4});
  EXPECT_THROW(policy->next(state), std::logic_error);
}

TEST_P(EveryOrder, RefusesAStateOfAnotherGrid) {
  const auto policy = make_order(order_config(GetParam(), Grid{2, 2}));
  StepState state;
  state.images = at::arange(1);
  state.filled = torch::zeros({1, 9}, torch::kBool);
  state.confidence = torch::zeros({1, 9});
  EXPECT_THAT([&] { policy->next(state); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("must be [B, 4] for a 2x2 grid")));
}

TEST_P(EveryOrder, SaysWhatItDoesAndWhatItWasCheckedAgainst) {
  for (const OrderInfo& info : list_orders()) {
    if (info.name != GetParam()) continue;
    EXPECT_GT(info.summary.size(), 10u);
    EXPECT_GT(info.checked_against.size(), 10u);
  }
}

TEST_P(EveryOrder, HasALineInTheReadme) {
  const std::string start = fmt::format("| `{}` |", GetParam());
  const std::string kind = is_learned(GetParam()) ? "| learned |" : "| fixed |";
  std::ifstream readme(OAR_SOURCE_DIR "/orders/README.md");
  bool found = false;
  for (std::string line; std::getline(readme, line);) {
    found |= line.starts_with(start) && line.find(kind) != std::string::npos;
  }
  EXPECT_TRUE(found) << "orders/README.md has no line `" << start << " ... " << kind << " ...`";
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const OrderInfo& info : list_orders()) names.push_back(info.name);
  return names;
}

std::vector<std::string> fixed_names() {
  std::vector<std::string> names;
  for (const OrderInfo& info : list_orders()) {
    if (!info.is_learned) names.push_back(info.name);
  }
  return names;
}

const auto name_of_case = [](const auto& info) { return info.param; };
INSTANTIATE_TEST_SUITE_P(Registry, EveryOrder, ::testing::ValuesIn(all_names()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Registry, EveryFixedOrder, ::testing::ValuesIn(fixed_names()),
                         name_of_case);

void expect_refused(const OrderConfig& config, const char* why) {
  EXPECT_THAT([&] { make_order(config); }, ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
}

TEST(FindOrder, KnowsTheRegistryAndNothingElse) {
  EXPECT_TRUE(find_order("oar")->is_learned);
  EXPECT_FALSE(find_order("raster")->is_learned);
  EXPECT_EQ(find_order("least_entropy")->own_confidence, Confidence::kEntropy);
  EXPECT_FALSE(find_order("rastr").has_value());
}

TEST(MakeOrder, NamesAnUnknownPolicyAndTheKnownOnes) {
  std::string known;
  for (const std::string& name : all_names()) known += (known.empty() ? "" : ", ") + name;
  expect_refused(order_config("rastr", Grid{2, 2}),
                 ("no order policy is called \"rastr\"; known: " + known).c_str());
}

TEST(MakeOrder, RefusesAnEmptyGrid) {
  expect_refused(order_config("raster", Grid{0, 4}), "a grid of at least 1x1, got 0x4");
}

TEST(MakeOrder, RefusesANegativePenalty) {
  OrderConfig config = order_config("oar", Grid{2, 2});
  config.distance_penalty = -0.5;
  expect_refused(config, "distance_penalty must be >= 0, got -0.5; use 0 to switch it off");
}

TEST(MakeOrder, RefusesATemperatureOfZero) {
  OrderConfig config = order_config("sampled", Grid{2, 2});
  config.order_temperature = 0;
  expect_refused(config, "order_temperature must be > 0, got 0");
}

TEST(MakeOrder, RefusesAnAnnealingThatEndsBeforeItStarts) {
  OrderConfig config = order_config("annealed", Grid{2, 2});
  config.anneal_start = 0.8;
  expect_refused(config, "0 <= start <= end <= 1, got 0.8 and 0.75");
  config.anneal_end = 1.5;
  expect_refused(config, "0 <= start <= end <= 1, got 0.8 and 1.5");
}

TEST(MakeOrder, RefusesMoreGroupsThanPatches) {
  OrderConfig config = order_config("locality_groups", Grid{2, 3});
  config.groups = 7;
  expect_refused(config, "groups must be 0 .. 6, the patches of a 2x3 grid, got 7");
  config.groups = -1;
  expect_refused(config, "got -1");
}

}  // namespace
}  // namespace oar
