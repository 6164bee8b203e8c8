#pragma once

#include <cstdint>
#include <vector>

namespace oar {

/// How many patches each group of the order `locality_groups` has, N in all: one, then more and
/// more along a quarter of a cosine, as the image gives more to go by.
///
/// `groups` 0 is as many as LPD's own choice: 20 for 256 patches, 48 for 1024, the power law
/// through the two for others. At most `num_patches`.
///
/// Source  LPD, arXiv 2507.01957: its tables of 12, 20 and 48 groups exactly. Where the rounded
/// cosine misses N, those that rounding changed most give or take one; its tables of other lengths
/// differ from this by one patch in a few groups (two in one of 192).
std::vector<int64_t> locality_group_sizes(int64_t num_patches, int64_t groups);

}  // namespace oar
