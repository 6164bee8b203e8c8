#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace oar {

// Images and weights out of an integer hash: the same numbers as hash32 and its users in
// tests/golden/make_golden.py, so that neither has to be stored. All products stay exact modulo
// 2^32 although int64 wraps around.

inline at::Tensor hash32(at::Tensor x) {
  constexpr int64_t kMask = 0xffffffff;
  x = x.bitwise_and(kMask);
  x = x.bitwise_xor(x.bitwise_right_shift(16)).mul(0x7feb352d).bitwise_and(kMask);
  x = x.bitwise_xor(x.bitwise_right_shift(15)).mul(0x846ca68b).bitwise_and(kMask);
  return x.bitwise_xor(x.bitwise_right_shift(16));
}

inline at::Tensor hashed_bits(int64_t stream, int64_t count) {
  return hash32(at::arange(count, at::kLong) + hash32(at::scalar_tensor(stream, at::kLong)));
}

/// float64 [count] in [0, 1), exact multiples of 2^-32.
inline at::Tensor hashed_uniform(int64_t stream, int64_t count) {
  return hashed_bits(stream, count).to(at::kDouble).div_(4294967296.0);
}

/// uint8 [1, 3, height, width]: flat 8 x 8 tiles, three parts, plus noise, one part.
inline at::Tensor hashed_image(int64_t stream, int64_t height, int64_t width) {
  const auto c = at::arange(3, at::kLong).view({3, 1, 1});
  const auto y = at::arange(height, at::kLong).view({1, -1, 1}).floor_divide(8);
  const auto x = at::arange(width, at::kLong).view({1, 1, -1}).floor_divide(8);
  const auto tile = (c * 64 + y) * 4096 + x;
  const auto tiles = hash32(tile + hash32(at::scalar_tensor(stream, at::kLong))).bitwise_and(255);
  const auto noise =
      hashed_bits(stream + 1000, 3 * height * width).view({3, height, width}).bitwise_and(255);
  return (tiles * 3 + noise).floor_divide(4).to(at::kByte).unsqueeze(0);
}

/// One weights file's worth of drawn numbers for the tensors of `layout` (name -> shape); the
/// stream is the place among the sorted names. Matrices and convolutions are scaled by √(6 / fan
/// in), so that activations neither vanish nor explode; scales and variances lie around 1.
inline std::map<std::string, at::Tensor> hashed_weights(
    const std::map<std::string, std::vector<int64_t>>& layout) {
  std::map<std::string, at::Tensor> weights;
  int64_t stream = 0;
  for (const auto& [name, shape] : layout) {
    int64_t count = 1;
    for (const int64_t side : shape) count *= side;
    auto u = hashed_uniform(stream++, count);
    if (name.ends_with(".weight") && shape.size() > 1) {
      u = (u * 2 - 1) * std::sqrt(6.0 / static_cast<double>(count / shape[0]));
    } else if (name.ends_with(".weight") || name.ends_with(".running_var") ||
               name.ends_with(".gamma")) {
      u = u + 0.5;
    } else {
      u = u - 0.5;
    }
    weights[name] = u.to(at::kFloat).view(shape);
  }
  return weights;
}

}  // namespace oar
