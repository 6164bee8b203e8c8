#include "metrics/gram.h"

#include <algorithm>

namespace oar {
namespace {

constexpr int64_t kBlock = 256;  // columns: 2048 of them make 36 of 64 blocks

}  // namespace

void add_gram_upper_blocks(torch::Tensor& sum, const torch::Tensor& a) {
  const int64_t dim = a.size(1);
  for (int64_t first = 0; first < dim; first += kBlock) {
    const int64_t end = std::min(first + kBlock, dim);
    sum.slice(0, first, end).slice(1, first).addmm_(a.slice(1, first, end).t(), a.slice(1, first));
  }
}

void mirror_upper_blocks(torch::Tensor& sum) { sum.copy_(sum.triu() + sum.triu(1).t()); }

torch::Tensor gram(const torch::Tensor& a) {
  torch::Tensor sum = torch::zeros({a.size(1), a.size(1)}, torch::kFloat64);
  add_gram_upper_blocks(sum, a);
  mirror_upper_blocks(sum);
  return sum;
}

}  // namespace oar
