#pragma once

#include <torch/types.h>

#include <cstdint>

namespace oar {

/// While it lives, what this thread's batch_dropout() is given are the images from `first` on of a
/// batch of `whole`: they get the masks that they have in a pass over the whole batch.
class PartOfBatch {
 public:
  PartOfBatch(int64_t first, int64_t whole);
  ~PartOfBatch();
  PartOfBatch(const PartOfBatch&) = delete;
  PartOfBatch& operator=(const PartOfBatch&) = delete;
};

/// at::dropout, with masks that do not depend on how a batch is split: from one seed on, each part
/// draws the masks of the whole batch and takes its rows. Memory for one mask of the whole batch
/// is all that this costs.
///
/// Shapes  x [B, ...], contiguous.
torch::Tensor batch_dropout(const torch::Tensor& x, double p, bool training);

}  // namespace oar
