#pragma once

#include <cstdint>
#include <vector>

namespace oar {

/// Draws training images: every image once per epoch, each epoch in an order of its own.
///
/// The image of sample number s depends on (seed, s) alone, so training may stop and continue
/// anywhere, with any batch size in between.
class ImageSampler {
 public:
  /// Errors  std::invalid_argument without images.
  ImageSampler(std::vector<int64_t> images, uint64_t seed);

  /// The images of samples first .. first + count - 1.
  std::vector<int64_t> next(int64_t first, int64_t count);

 private:
  std::vector<int64_t> images_, shuffled_;
  uint64_t seed_;
  int64_t epoch_ = -1;
};

}  // namespace oar
