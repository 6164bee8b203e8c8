#include "datasets/augmentation.h"

#include "datasets/item_random.h"

namespace oar {

View draw_view(const Augmentation& augmentation, int64_t seed, int64_t sample) {
  // Generated images draw from (seed, number) too: a view must not follow from what it shows.
  constexpr int64_t kOwnStream = 0x76696577;
  ItemRandom random(seed ^ (kOwnStream << 32), sample);
  const bool mirrored = random.below(2) == 1;
  View view;
  view.side = random.uniform(augmentation.smallest_side, 1.0);
  view.top = random.uniform(0.0, 1.0);
  view.left = random.uniform(0.0, 1.0);
  view.mirrored = augmentation.mirror && mirrored;
  return view;
}

}  // namespace oar
