#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "datasets/binary_file.h"
#include "datasets/dataset.h"
#include "datasets/npy_header.h"

namespace oar {

/// Writes a matrix that need not fit in memory, its rows in any order, as a .npy file of float32.
///
/// The file appears under its path by finish(), whole, or not at all.
///
/// Errors  std::system_error if it cannot be written.
class NpyMatrixWriter {
 public:
  NpyMatrixWriter(const std::filesystem::path& path, int64_t rows, int64_t cols);

  /// Writes float32 [n, cols] as rows first_row .. first_row + n - 1, each of them once.
  void write(int64_t first_row, const torch::Tensor& rows);

  /// Puts the file in place, once every row has been written.
  void finish();

 private:
  OutputFile file_;
  int64_t cols_;
  int64_t header_bytes_;
  std::vector<bool> written_;  ///< of each row
};

/// Reads rows of a matrix that need not fit in memory: a .npy file of float32 [count, dim] in C
/// order. May be shared by threads.
///
/// Errors  BadData if the file is anything else, or its size is not that of its shape, or it has
///         been cut since; std::system_error if it cannot be read.
class NpyMatrix {
 public:
  explicit NpyMatrix(const std::filesystem::path& path);

  int64_t count() const { return header_.shape[0]; }
  int64_t dim() const { return header_.shape[1]; }

  /// Rows begin .. end - 1: float32 [end - begin, dim].
  torch::Tensor rows(int64_t begin, int64_t end) const;

  /// The rows of these numbers, int64 [n], in their order: float32 [n, dim].
  torch::Tensor rows(const torch::Tensor& numbers) const;

 private:
  void read_into(int64_t begin, int64_t end, float* out) const;

  InputFile file_;
  NpyHeader header_;
};

/// The header of a .npy file whose size is that of its shape.
///
/// Errors  BadData as above; std::system_error if it cannot be read.
NpyHeader check_npy(const InputFile& file);

}  // namespace oar
