// Between files and tensors, for the sources of this folder: pixels as OpenCV has them.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <opencv2/core.hpp>
#include <span>

namespace oar {

/// An image as 8-bit BGR: 16-bit values divided by 257, transparency laid over white, grey as three
/// equal channels, EXIF orientation ignored.
///
/// Errors  BrokenImage if it states more than kMaxImagePixels, before memory is taken for them, or
///         cannot be decoded.
cv::Mat decode_bgr(std::span<const std::byte> bytes);

/// Grey, BGR or BGRA of 8 bits as planes red, green, blue, uint8 [3, H, W]; alpha is dropped.
torch::Tensor rgb_planes(const cv::Mat& pixels);

}  // namespace oar
