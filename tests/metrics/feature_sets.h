#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <numbers>

#include "metrics/feature_rows.h"
#include "tests/metrics/hashed_data.h"

namespace oar {

/// float64 [images, dim], uniform in [0, 1).
inline at::Tensor hashed_features(int64_t stream, int64_t images, int64_t dim) {
  return hashed_uniform(stream, images * dim).view({images, dim});
}

/// float64 [images, dim], standard normal (Box and Muller). Streams `stream` and `stream` + 500.
inline at::Tensor hashed_normal(int64_t stream, int64_t images, int64_t dim) {
  const at::Tensor radius = (-2 * (1 - hashed_features(stream, images, dim)).log()).sqrt();
  return radius * (hashed_features(stream + 500, images, dim) * (2 * std::numbers::pi)).cos();
}

/// float32, the same rows as common_factor_features in tests/golden/make_golden.py.
inline at::Tensor common_factor_features(int64_t stream, int64_t images, int64_t dim,
                                         double factor) {
  const at::Tensor u = hashed_features(stream, images, dim);
  return (u + factor * u.slice(1, 0, 1)).to(at::kFloat);
}

/// What a file gives: rows by index, never the whole. `most`, if given, keeps the most rows that
/// were asked for at once.
inline FeatureRows as_a_file(const at::Tensor& features, int64_t* most = nullptr) {
  return FeatureRows(features.size(0), features.size(1), [=](const at::Tensor& index) {
    if (most != nullptr) *most = std::max(*most, index.size(0));
    return features.index_select(0, index);
  });
}

}  // namespace oar
