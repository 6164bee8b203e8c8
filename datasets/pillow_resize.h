#pragma once

#include <opencv2/core.hpp>

namespace oar {

enum class PillowFilter { kBox, kBilinear, kBicubic, kLanczos };

/// Resizes bytes as Pillow does: the filter's support widens with the scale when shrinking; weights
/// are multiples of 2^-22; each of the two passes, first across, then down, ends in whole grey
/// levels. Equal to Pillow before 13 to the bit; Pillow 13 goes down first where the height shrinks
/// and the width does less so. A size that fits already passes unchanged.
///
/// Shapes  CV_8UC3 in and out.
/// Source  ImagingResample of Pillow 11.3, src/libImaging/Resample.c.
cv::Mat pillow_resize(const cv::Mat& pixels, const cv::Size& size, PillowFilter filter);

}  // namespace oar
