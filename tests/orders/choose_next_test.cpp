#include "orders/choose_next.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace oar
