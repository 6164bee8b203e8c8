#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace oar {

/// A file read at any place. May be shared by threads.
///
/// Errors  std::system_error with the path if it cannot be opened or read.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }  ///< bytes, when it was opened

  /// Fills `bytes` from this place on, as far as the file goes; returns how many there were.
  size_t read_at(int64_t offset, std::span<std::byte> bytes) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

/// A file written at any place, which appears under its path by commit(), whole, or not at all: the
/// bytes go to `<path>.tmp.<pid>` beside it, commit() syncs and renames. Without a commit the
/// temporary file is removed.
///
/// Errors  std::system_error with the path.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write_at(int64_t offset, std::span<const std::byte> bytes);
  void commit();

 private:
  [[noreturn]] void fail(const char* action) const;

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

}  // namespace oar
