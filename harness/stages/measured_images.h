#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// Images that a model is asked about.
struct MeasuredImages {
  std::vector<int64_t> images;  ///< positions in the index, ascending
  std::string split;            ///< "held_out", or "train"
};

/// The first `limit` held-out images (0: all), or as many training ones where none is held out.
MeasuredImages measured_images(const DatasetIndex& index, int64_t limit);

}  // namespace oar
