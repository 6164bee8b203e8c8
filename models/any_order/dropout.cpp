#include "models/any_order/dropout.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/ones.h>

#include <vector>

namespace oar {
namespace {

thread_local int64_t first_image = 0, images_in_batch = 0;

}  // namespace

PartOfBatch::PartOfBatch(int64_t first, int64_t whole) {
  first_image = first;
  images_in_batch = whole;
}

PartOfBatch::~PartOfBatch() { first_image = images_in_batch = 0; }

torch::Tensor batch_dropout(const torch::Tensor& x, double p, bool training) {
  const int64_t images = x.size(0);
  if (p == 0 || !training || images_in_batch == 0 || images == images_in_batch) {
    return at::dropout(x, p, training);
  }
  torch::Tensor mask;
  {
    const torch::NoGradGuard no_gradients;
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes[0] = images_in_batch;
    // A copy of the rows: a view would keep the masks of the whole batch until backward.
    mask =
        at::dropout(at::ones(sizes, x.options()), p, true).narrow(0, first_image, images).clone();
  }
  return x * mask;
}

}  // namespace oar
