#include "orders/choose_next.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "orders/grid.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr float kInf = std::numeric_limits<float>::infinity();

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

TEST(ChooseLikeliest, IsChooseNextOnTheLogProbabilitiesOfTheCodes) {
  const torch::Tensor logits = torch::tensor({{{1.f, 0.f}, {0.f, 3.f}, {2.f, 2.f}}});
  const torch::Tensor codes = torch::tensor({{0, 1, 0}}), candidates = torch::tensor({{1, 3, 4}});
  const torch::Tensor penalty = torch::zeros({5, 5});
  penalty[0][3] = 1.0;
  // log P: -.313, -.049, -.693; without a last patch the second wins, with its penalty the first.
  const auto free = choose_likeliest(logits, codes, candidates, {}, penalty);
  EXPECT_EQ(free.position.item<int64_t>(), 3);
  EXPECT_NEAR(free.log_probability[0][0].item<double>(), -std::log1p(std::exp(-1.0)), 1e-6);
  EXPECT_EQ(choose_likeliest(logits, codes, candidates, torch::tensor({0}), penalty)
                .position.item<int64_t>(),
            1);
}

TEST(ChooseLikeliest, BreaksTiesByTheLowestPosition) {
  const torch::Tensor logits = torch::zeros({1, 3, 4}), codes = torch::zeros({1, 3}, torch::kInt64);
  EXPECT_EQ(choose_likeliest(logits, codes, torch::tensor({{2, 5, 7}}), {}, torch::zeros({9, 9}))
                .position.item<int64_t>(),
            2);
}

TEST(ChooseLikeliest, CudaAgreesWithCpu) {
  if (!torch::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({16, 100, 1024});
  const torch::Tensor codes = torch::randint(1024, {16, 100}, torch::kInt64);
  const torch::Tensor candidates =
      std::get<0>(torch::rand({16, 256}).argsort(int64_t{1}, false).narrow(1, 0, 100).sort(1));
  const torch::Tensor last = torch::randint(256, {16}, torch::kInt64);
  const torch::Tensor penalty =
      distance_table(Grid{16, 16}, Distance::kEuclidean).to(torch::kFloat32);
  const auto cpu = choose_likeliest(logits, codes, candidates, last, penalty);
  const auto gpu =
      choose_likeliest(logits.cuda(), codes.cuda(), candidates.cuda(), last.cuda(), penalty.cuda());
  EXPECT_LT((gpu.log_probability.cpu() - cpu.log_probability).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(gpu.position.cpu().equal(cpu.position));
}

}  // namespace
}  // namespace oar
