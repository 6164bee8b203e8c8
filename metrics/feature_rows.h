#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace oar {

/// The features of N images, read a few thousand rows at a time: a tensor in memory, or a file too
/// large for it. Metrics that take it never hold all rows at once, and never a float64 copy of
/// them.
///
/// Copies share what they read. A metric reads from one thread at a time.
///
/// Shapes  N images, F features; rows are float32 [n, F] on the CPU (float64 where the tensor is).
/// Errors  std::invalid_argument where the source is not a matrix of floats.
class FeatureRows {
 public:
  /// Reads the rows that `index`, int64 [n], names, in that order and however often: float32 or
  /// float64 [n, F] on the CPU. Always the same numbers for a row, as metrics read them twice.
  using Reader = std::function<torch::Tensor(const torch::Tensor& index)>;

  /// Implicit: whoever has a tensor [N, F], of any floating type and on any device, passes it.
  FeatureRows(const torch::Tensor& features);  // NOLINT(google-explicit-constructor)
  FeatureRows(int64_t count, int64_t dim, Reader read);

  int64_t count() const { return count_; }
  int64_t dim() const { return dim_; }

  /// Rows begin .. end - 1. Do not write to them: they may be the source's own memory.
  torch::Tensor rows(int64_t begin, int64_t end) const;

  /// The rows of an int64 [n] index.
  torch::Tensor rows(const torch::Tensor& index) const;

 private:
  torch::Tensor checked(const torch::Tensor& rows, int64_t expected) const;

  torch::Tensor tensor_;  // undefined where reader_ reads
  Reader reader_;
  int64_t count_ = 0, dim_ = 0;
};

/// Calls `visit(first, rows)` for consecutive blocks of at most `block` rows that cover all images.
void for_each_block(const FeatureRows& features, int64_t block,
                    const std::function<void(int64_t first, const torch::Tensor& rows)>& visit);

}  // namespace oar
