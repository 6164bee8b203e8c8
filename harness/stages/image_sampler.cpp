#include "harness/stages/image_sampler.h"

#include <stdexcept>
#include <utility>

#include "orders/counter_random.h"

namespace oar {

ImageSampler::ImageSampler(std::vector<int64_t> images, uint64_t seed)
    : images_(std::move(images)), seed_(seed) {
  if (images_.empty()) {
    throw std::invalid_argument(
        "there are no training images; lower dataset.held_out or bring more images");
  }
}

std::vector<int64_t> ImageSampler::next(int64_t first, int64_t count) {
  const int64_t n = static_cast<int64_t>(images_.size());
  std::vector<int64_t> drawn;
  for (int64_t sample = first; sample < first + count; ++sample) {
    if (sample / n != epoch_) {
      epoch_ = sample / n;
      shuffled_ = images_;
      for (int64_t i = n - 1; i > 0; --i) {
        const uint64_t j = random_below(i + 1, seed_, Stream::kTrainingBatch,
                                        {static_cast<uint64_t>(epoch_), static_cast<uint64_t>(i)});
        std::swap(shuffled_[i], shuffled_[j]);
      }
    }
    drawn.push_back(shuffled_[sample % n]);
  }
  return drawn;
}

}  // namespace oar
