#include "models/vqgan/quantizer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/unique_dim.h>
#include <gtest/gtest.h>

#include <tuple>

namespace oar {
namespace {

torch::Generator seeded(uint64_t seed) { return at::detail::createCPUGenerator(seed); }

Quantizer with_codebook(const torch::Tensor& vectors) {
  const torch::NoGradGuard no_grad;
  Quantizer quantizer(vectors.size(0), vectors.size(1));
  quantizer->codebook().copy_(vectors);
  return quantizer;
}

TEST(Quantizer, AVectorOfTheCodebookGetsItsOwnCode) {
  const torch::Tensor book = at::randn({100, 16}, seeded(1), torch::kFloat);
  EXPECT_TRUE(with_codebook(book)->nearest(book).equal(at::arange(100)));
}

TEST(Quantizer, NearestIsByEuclideanDistanceNotByDirection) {
  Quantizer quantizer =
      with_codebook(at::tensor({1.0f, 0.0f, 10.0f, 0.0f, 0.0f, 2.0f}).view({3, 2}));
  const torch::Tensor vectors = at::tensor({3.0f, 0.0f, 9.0f, 5.0f, 0.4f, 1.1f}).view({3, 2});
  EXPECT_TRUE(quantizer->nearest(vectors).equal(at::tensor({0, 1, 2}, torch::kLong)));
}

TEST(Quantizer, TiesGoToTheLowestCode) {
  Quantizer quantizer =
      with_codebook(at::tensor({5.0f, 5.0f, 1.0f, 0.0f, -1.0f, 0.0f, 1.0f, 0.0f}).view({4, 2}));
  // The first vector lies midway between codes 1, 2 and 3; the second on codes 1 and 3.
  const torch::Tensor vectors = at::tensor({0.0f, 0.0f, 1.0f, 0.0f}).view({2, 2});
  EXPECT_TRUE(quantizer->nearest(vectors).equal(at::tensor({1, 1}, torch::kLong)));
}

TEST(Quantizer, StraightThroughHasTheValueOfTheCodeAndTheGradientOfTheEncoder) {
  torch::Tensor z = at::tensor({0.5f, -2.0f}).requires_grad_(true);
  torch::Tensor code = at::tensor({1.0f, -1.0f}).requires_grad_(true);
  const torch::Tensor out = straight_through(z, code);
  EXPECT_TRUE(out.equal(code));
  (out * at::tensor({3.0f, 4.0f})).sum().backward();
  EXPECT_TRUE(z.grad().equal(at::tensor({3.0f, 4.0f})));
  EXPECT_FALSE(code.grad().defined());
}

TEST(KMeans, FindsTwoSeparateGroupsFromAnyStart) {
  const torch::Tensor centres = at::tensor({0.0f, 0.0f, 10.0f, 10.0f}).view({2, 2});
  const torch::Tensor noise = at::randn({2, 50, 2}, seeded(3), torch::kFloat) * 0.1;
  const torch::Tensor vectors = (centres.unsqueeze(1) + noise).view({100, 2});
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const torch::Tensor means = std::get<0>(k_means(vectors, 2, 20, seeded(seed)).sort(0));
    EXPECT_LT((means - centres).abs().max().item<double>(), 0.1)
        << "seed " << seed;  // 0.1 / sqrt(50) each
  }
}

TEST(KMeans, TheSameSeedGivesTheSameMeans) {
  const torch::Tensor vectors = at::randn({300, 4}, seeded(5), torch::kFloat);
  EXPECT_TRUE(k_means(vectors, 20, 5, seeded(6)).equal(k_means(vectors, 20, 5, seeded(6))));
  EXPECT_FALSE(k_means(vectors, 20, 5, seeded(6)).equal(k_means(vectors, 20, 5, seeded(7))));
}

TEST(RandomRows, RepeatOnlyWhenThereAreTooFew) {
  const torch::Tensor vectors = at::arange(10, torch::kFloat).view({10, 1});
  const auto different = [](const torch::Tensor& rows) {
    return std::get<0>(at::unique_dim(rows, 0)).size(0);
  };
  EXPECT_EQ(different(random_rows(vectors, 10, seeded(1))), 10);
  const torch::Tensor many = random_rows(vectors, 25, seeded(1));
  EXPECT_EQ(many.size(0), 25);
  EXPECT_EQ(different(many), 10);
}

}  // namespace
}  // namespace oar
