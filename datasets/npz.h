#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/archive_reader.h"
#include "datasets/dataset.h"
#include "datasets/npy_header.h"

namespace oar {

/// Names of the arrays in numpy's .npz file, in its order.
///
/// Errors  BadData if it is no archive that can be read.
std::vector<std::string> npz_names(const std::filesystem::path& path);

/// The arrays of these names, those that are there, as tensors in C order. Other arrays are neither
/// read nor looked at.
///
/// A file may come from a stranger: sizes are compared with what is in the file before memory is
/// taken, and types that are stored as pickles are refused, as they would run code.
///
/// Errors  BadData with the file and the array: types other than <f4, <f8, |u1, <i4, <i8, an array
///         that comes twice, and whatever is damaged.
/// Source  numpy.lib.format: a zip archive of .npy files.
std::map<std::string, torch::Tensor> read_npz(const std::filesystem::path& path,
                                              const std::vector<std::string>& wanted);

/// Writes arrays as numpy.savez does, not compressed. The same arrays give the same bytes. The file
/// appears whole or not at all.
///
/// Errors  std::system_error if it cannot be written.
void write_npz(const std::filesystem::path& path,
               const std::map<std::string, torch::Tensor>& arrays);

/// Walks through the arrays of a .npz.
class NpzReader {
 public:
  explicit NpzReader(const std::filesystem::path& path);

  /// The next array's name; none at the end.
  std::optional<std::string> next();

  /// The array's header, once; its elements follow by read().
  NpyHeader header();
  size_t read(std::span<std::byte> bytes) { return archive_.read(bytes); }

  /// Refuses an array whose entry has another size than its header asks for.
  void check_size(const NpyHeader& header) const;

  /// "FILE: array NAME", the start of messages.
  const std::string& where() const { return where_; }

 private:
  std::filesystem::path path_;
  ArchiveReader archive_;
  ArchiveEntry entry_;
  std::string where_;
};

}  // namespace oar
