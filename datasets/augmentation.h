// How a training sees an image anew each time: in a way that the seed and the sample number decide.
#pragma once

#include <cstdint>

#include "datasets/dataset.h"

namespace oar {

/// What may be changed about an image that a training sees.
struct Augmentation {
  bool mirror = false;         ///< half of the samples have left and right exchanged
  double smallest_side = 1.0;  ///< of the part that is seen, as a share of the square's, (0, 1]

  bool any() const { return mirror || smallest_side < 1.0; }
};

/// The view of one sample: `mirrored` with probability 1/2, a side uniform in [smallest_side, 1] at
/// a uniform place. A function of the three arguments alone, so neither the number of workers nor a
/// resumed training changes a pixel; and switching one of the two on or off does not change what
/// is drawn for the other.
View draw_view(const Augmentation& augmentation, int64_t seed, int64_t sample);

}  // namespace oar
