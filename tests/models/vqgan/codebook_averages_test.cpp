#include "models/vqgan/codebook_averages.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace oar {
namespace {

torch::Tensor column(std::initializer_list<float> values) {
  return at::tensor(values).unsqueeze(1);
}

void expect_near(const torch::Tensor& found, const torch::Tensor& expected) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-6) << found << expected;
}

// Three codes of one number at γ 1/2. Smoothing turns N_i into (N_i + ε) N / (N + 3 ε).
TEST(CodebookAverages, FollowTheOutputsThatEachCodeStandsFor) {
  torch::Tensor codebook = column({1, 2, 4});
  CodebookAverages averages(codebook, 0.5);
  averages.update(codebook, column({3, 5, 10}), at::tensor({0, 0, 1}, torch::kLong));
  expect_near(averages.state().at("sizes"), at::tensor({1.5F, 1.0F, 0.5F}));
  expect_near(averages.state().at("sums"), column({4.5F, 6.0F, 2.0F}));
  const double e = 1e-5, scale = 3 / (3 + 3 * e);
  const auto row = [&](double sum, double size) {
    return static_cast<float>(sum / ((size + e) * scale));
  };
  expect_near(codebook, column({row(4.5, 1.5), row(6, 1), row(2, 0.5)}));  // about 3, 6, 4
  averages.update(codebook, column({7}), at::tensor({2}, torch::kLong));
  expect_near(averages.state().at("sums"), column({2.25F, 3.0F, 4.5F}));
}

TEST(CodebookAverages, AreTheMeanOfAConstantStreamInTheEnd) {
  torch::Tensor codebook = column({0, 0});
  CodebookAverages averages(codebook, 0.9);
  for (int i = 0; i < 200; ++i) {
    averages.update(codebook, column({1, 3, -5}), at::tensor({0, 0, 1}, torch::kLong));
  }
  EXPECT_NEAR(codebook[0].item<double>(), 2.0, 1e-5);  // smoothing moves a row by a share of ε
  EXPECT_NEAR(codebook[1].item<double>(), -5.0, 5e-5);
}

TEST(CodebookAverages, ARestartedRowForgetsWhatItWas) {
  torch::Tensor codebook = column({1, 2});
  CodebookAverages averages(codebook, 0.5);
  averages.update(codebook, column({9, 9, 9, 9}), at::tensor({0, 0, 0, 0}, torch::kLong));
  codebook[1] = 7;
  averages.restart(codebook, at::tensor({1}, torch::kLong));
  expect_near(averages.state().at("sizes"), at::tensor({2.5F, 1.0F}));
  expect_near(averages.state().at("sums"), column({18.5F, 7.0F}));
  averages.start(codebook);
  expect_near(averages.state().at("sizes"), at::tensor({1.0F, 1.0F}));
  EXPECT_TRUE(averages.state().at("sums").equal(codebook));
}

TEST(CodebookAverages, GoOnFromWhatIsWrittenIntoTheirState) {
  torch::Tensor a = column({1, 2}), b = at::zeros({2, 1});
  CodebookAverages straight(a, 0.7), resumed(b, 0.7);
  const auto step = [](CodebookAverages& averages, const torch::Tensor& codebook) {
    averages.update(codebook, column({0.3F, 0.1F, 0.7F}), at::tensor({0, 1, 1}, torch::kLong));
  };
  step(straight, a);
  b.copy_(a);
  for (auto [name, tensor] : resumed.state()) tensor.copy_(straight.state().at(name));
  step(straight, a);
  step(resumed, b);
  EXPECT_TRUE(a.equal(b));
}

}  // namespace
}  // namespace oar
