#include "models/vqgan/codebook_upkeep.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "models/vqgan/quantizer.h"

namespace oar {
namespace {

constexpr UpkeepOptions kOptions{.dead_after = 3, .restart_until = 100, .seed = 7};

torch::Tensor draw(int64_t rows, uint64_t seed) {
  return at::randn({rows, 2}, at::detail::createCPUGenerator(seed), torch::kFloat);
}

torch::Tensor codes(std::initializer_list<int64_t> values) {
  return at::tensor(values, torch::kLong);
}

TEST(CodebookUpkeep, ACodeUnusedForLongerThanTheWindowMovesToAnOutputOfThatStep) {
  CodebookUpkeep upkeep(3, 2, kOptions);
  torch::Tensor codebook = at::full({3, 2}, 50.0f);
  const torch::Tensor vectors = draw(8, 1);
  for (int64_t step = 0; step <= 3; ++step) {
    EXPECT_EQ(upkeep.restart_dead(codebook, vectors, codes({0, 2}), step).numel(), 0) << step;
  }
  EXPECT_TRUE(upkeep.restart_dead(codebook, vectors, codes({0, 2}), 4).equal(codes({1})));
  EXPECT_TRUE(codebook[0].equal(at::full({2}, 50.0f)));
  EXPECT_TRUE((vectors == codebook[1]).all(1).any().item<bool>()) << codebook[1];
}

TEST(CodebookUpkeep, ARestartedCodeHasAWholeWindowToBeUsed) {
  CodebookUpkeep upkeep(2, 2, kOptions);
  torch::Tensor codebook = at::zeros({2, 2});
  EXPECT_EQ(upkeep.restart_dead(codebook, draw(4, 1), codes({0}), 10).numel(), 1);
  EXPECT_EQ(upkeep.restart_dead(codebook, draw(4, 1), codes({0}), 13).numel(), 0);
  EXPECT_EQ(upkeep.restart_dead(codebook, draw(4, 1), codes({0}), 14).numel(), 1);
}

TEST(CodebookUpkeep, NothingMovesOnceTheCodebookIsToSettle) {
  CodebookUpkeep upkeep(2, 2, kOptions);
  torch::Tensor codebook = at::zeros({2, 2});
  EXPECT_EQ(upkeep.restart_dead(codebook, draw(4, 1), codes({0}), 100).numel(), 0);
  EXPECT_TRUE(codebook.equal(at::zeros({2, 2})));
}

TEST(CodebookUpkeep, TheStartLooksAtRememberedOutputsToo) {
  CodebookUpkeep upkeep(2, 2, kOptions);
  torch::Tensor codebook = at::zeros({2, 2});
  upkeep.collect(draw(10, 1) * 0.01 + 100.0);
  EXPECT_FALSE(upkeep.is_started());
  upkeep.start(codebook, draw(10, 2) * 0.01 - 100.0, 5);
  EXPECT_TRUE(upkeep.is_started());
  const torch::Tensor sorted = std::get<0>(codebook.sort(0));
  EXPECT_NEAR(sorted[0][0].item<double>(), -100.0, 0.1);
  EXPECT_NEAR(sorted[1][0].item<double>(), 100.0, 0.1);
}

TEST(CodebookUpkeep, RestartsRaiseTheUseOfACollapsedCodebook) {
  CodebookUpkeep upkeep(64, 2, kOptions);
  Quantizer quantizer(64, 2);
  torch::Tensor codebook = quantizer->codebook().detach();
  codebook.fill_(100.0f);
  codebook[0].zero_();  // all outputs are nearest to this one
  const auto used = [&](const torch::Tensor& found) {
    return (found.bincount() > 0).sum().item<int64_t>();
  };
  EXPECT_EQ(used(quantizer->nearest(draw(500, 99))), 1);
  for (int64_t step = 0; step < 12; ++step) {
    const torch::Tensor vectors = draw(500, step);
    upkeep.restart_dead(codebook, vectors, quantizer->nearest(vectors), step);
  }
  EXPECT_GE(used(quantizer->nearest(draw(500, 99))), 56);
}

}  // namespace
}  // namespace oar
