#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>

namespace oar::fuzz {

inline volatile std::byte touched;

/// Reads the first and the last byte of a view, so that an address checker sees one that leaves its
/// storage. libtorch's own reads are not instrumented.
inline void touch(const torch::Tensor& tensor) {
  if (tensor.numel() == 0) return;
  int64_t last = 0;
  for (int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
  touched = bytes[0];
  touched = bytes[(last + 1) * static_cast<int64_t>(tensor.element_size()) - 1];
}

}  // namespace oar::fuzz
