#pragma once

#include <cstdint>
#include <memory>

#include "datasets/augmentation.h"
#include "datasets/dataset.h"
#include "datasets/pixel_cache.h"
#include "datasets/prefetch.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/image_sampler.h"
#include "harness/store/stage.h"

namespace oar {

/// Where squares are kept between runs: $OAR_PIXEL_CACHE, a folder or `off`; without it
/// ${XDG_CACHE_HOME:-~/.cache}/oar-bench/pixels. $OAR_PIXEL_CACHE_SIZE ("20GiB") is its limit.
///
/// Errors  std::invalid_argument for a size that is none.
PixelCacheConfig pixel_cache_from_environment();

/// The images of the stage's input `dataset`, through the pixel cache where they are files. A cache
/// that is of no use is said once and changes nothing else.
std::unique_ptr<Dataset> open_images(StageContext& context, const DatasetConfig& config);

/// Consecutive images of a data set, the next batch loaded while the caller works on this one.
class ConsecutiveImages {
 public:
  ConsecutiveImages(const Dataset& dataset, int64_t total, int64_t batch);

  /// uint8 [end - begin, 3, S, S].
  torch::Tensor load(int64_t begin, int64_t end);

 private:
  struct Range {
    int64_t begin = 0, end = 0;
    bool operator==(const Range&) const = default;
  };
  int64_t total_, batch_;
  Prefetch<Range, torch::Tensor> ranges_;
};

/// What a training sees: step s has the samples s · batch .. (s + 1) · batch - 1 of the sampler,
/// each through a view that (seed, sample) decides. The next step's are loaded while the caller
/// works on this one's.
class TrainingImages {
 public:
  TrainingImages(const Dataset& dataset, const Augmentation& augmentation, int64_t seed,
                 int64_t batch, int64_t steps);

  TrainingImages(const TrainingImages&) = delete;
  TrainingImages& operator=(const TrainingImages&) = delete;

  /// uint8 [batch, 3, S, S].
  torch::Tensor load(int64_t step);

 private:
  int64_t steps_;
  ImageSampler sampler_;
  Prefetch<int64_t, torch::Tensor> batches_;
};

/// What the samples first, first + 1, ... of a training see of these images: their codes, or, where
/// the mirrored images have codes too, those of the mirrored one for the samples whose view is.
///
/// Shapes  images int64 [B] -> int64 [B, N].
torch::Tensor codes_seen(const TokenGrids& tokens, const torch::Tensor& images, uint64_t seed,
                         int64_t first);

}  // namespace oar
