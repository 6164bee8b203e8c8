#include <torch/types.h>

#include "datasets/dataset.h"
#include "datasets/square.h"

namespace oar {

torch::Tensor Dataset::load(const std::vector<int64_t>& images,
                            const std::vector<View>& views) const {
  const torch::Tensor whole = load(images);
  torch::Tensor pixels = torch::empty_like(whole);
  for (int64_t i = 0; i < whole.size(0); ++i) {
    pixels[i].copy_(view_of(whole[i], "area", views.at(i)));
  }
  return pixels;
}

}  // namespace oar
