#include "harness/stages/measured_images.h"

#include <utility>

#include "harness/stages/artifacts.h"

namespace oar {

MeasuredImages measured_images(const DatasetIndex& index, int64_t limit) {
  std::vector<int64_t> held_out = images_of(index, Split::kHeldOut, limit);
  if (!held_out.empty()) return {std::move(held_out), "held_out"};
  return {images_of(index, Split::kTrain, limit), "train"};
}

}  // namespace oar
