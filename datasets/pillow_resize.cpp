#include "datasets/pillow_resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace oar {
namespace {

constexpr int kBits = 22;  // behind the point of a weight
constexpr int kChannels = 3;

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double value_at(PillowFilter filter, double x) {
  if (filter == PillowFilter::kBox) return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
  if (filter == PillowFilter::kLanczos) return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0.0;
  x = std::abs(x);
  if (filter == PillowFilter::kBilinear) return x < 1 ? 1 - x : 0.0;
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

double support_of(PillowFilter filter) {
  switch (filter) {
    case PillowFilter::kBox:
      return 0.5;
    case PillowFilter::kBilinear:
      return 1.0;
    case PillowFilter::kBicubic:
      return 2.0;
    case PillowFilter::kLanczos:
      break;
  }
  return 3.0;
}

/// What one output pixel takes: input pixels from `first` on, in units of 2^-22.
struct Taps {
  int first = 0;
  std::vector<int32_t> weights;
};

std::vector<Taps> taps_of(int in, int out, PillowFilter filter) {
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0);
  const double support = support_of(filter) * stretch, shrink = 1.0 / stretch;
  std::vector<Taps> all(static_cast<size_t>(out));
  std::vector<double> values;
  for (int i = 0; i < out; ++i) {
    Taps& taps = all[static_cast<size_t>(i)];
    const double centre = (i + 0.5) * scale;
    taps.first = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + support + 0.5), in);
    values.clear();
    double sum = 0;
    for (int j = taps.first; j < end; ++j) {
      values.push_back(value_at(filter, (j - centre + 0.5) * shrink));
      sum += values.back();
    }
    for (const double value : values) {
      const double share = sum != 0 ? value / sum : value;
      taps.weights.push_back(static_cast<int32_t>(share * (1 << kBits) + (share < 0 ? -0.5 : 0.5)));
    }
  }
  return all;
}

uint8_t grey_level(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

constexpr int32_t kHalf = 1 << (kBits - 1);

cv::Mat resize_across(const cv::Mat& pixels, int width, PillowFilter filter) {
  const std::vector<Taps> columns = taps_of(pixels.cols, width, filter);
  cv::Mat resized(pixels.rows, width, CV_8UC3);
  for (int row = 0; row < pixels.rows; ++row) {
    auto* to = resized.ptr<uint8_t>(row);
    for (const Taps& taps : columns) {
      const auto* from = pixels.ptr<uint8_t>(row) + taps.first * kChannels;
      int32_t sums[kChannels] = {kHalf, kHalf, kHalf};
      for (const int32_t weight : taps.weights) {
        for (int32_t& sum : sums) sum += weight * *from++;
      }
      for (const int32_t sum : sums) *to++ = grey_level(sum);
    }
  }
  return resized;
}

cv::Mat resize_down(const cv::Mat& pixels, int height, PillowFilter filter) {
  cv::Mat resized(height, pixels.cols, CV_8UC3);
  const size_t count = static_cast<size_t>(pixels.cols) * kChannels;
  std::vector<int32_t> sums(count);
  int row = 0;
  for (const Taps& taps : taps_of(pixels.rows, height, filter)) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (size_t k = 0; k < taps.weights.size(); ++k) {
      const auto* from = pixels.ptr<uint8_t>(taps.first + static_cast<int>(k));
      const int32_t weight = taps.weights[k];
      for (size_t i = 0; i < count; ++i) sums[i] += weight * from[i];
    }
    auto* to = resized.ptr<uint8_t>(row++);
    for (size_t i = 0; i < count; ++i) to[i] = grey_level(sums[i]);
  }
  return resized;
}

}  // namespace

cv::Mat pillow_resize(const cv::Mat& pixels, const cv::Size& size, PillowFilter filter) {
  cv::Mat resized = pixels;
  if (size.width != pixels.cols) resized = resize_across(resized, size.width, filter);
  if (size.height != pixels.rows) resized = resize_down(resized, size.height, filter);
  return resized;
}

}  // namespace oar
