#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// Fills the bytes with what comes next in a file; returns how many there were, fewer at its end.
using ByteSource = std::function<size_t(std::span<std::byte>)>;

/// What a .npy file, or an entry of a .npz, says of its array before the elements.
///
/// Source  numpy.lib.format, versions 1.0 to 3.0.
struct NpyHeader {
  std::string descr;  ///< numpy's word for the type: "<f4", "|u1"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t size = 0;  ///< bytes of the header; the elements follow

  bool operator==(const NpyHeader&) const = default;

  /// "<f4 [3, 4]", for messages.
  std::string text() const;

  /// Errors  BadData where it is not one of <f4, <f8, |u1, <i4, <i8. `where` starts the message.
  torch::ScalarType dtype(const std::string& where) const;

  /// Bytes of the elements. At most 2^62: larger shapes are refused when the header is read.
  int64_t data_bytes(const std::string& where) const;
};

/// Reads a header, trusting nothing in it.
///
/// Errors  BadData if it is none or a record of several types. `where` starts the message.
NpyHeader read_npy_header(const ByteSource& source, const std::string& where);

/// The header numpy would write: version 1.0, C order, padded so that the elements are aligned.
std::vector<std::byte> make_npy_header(torch::ScalarType dtype, at::IntArrayRef shape);

}  // namespace oar
