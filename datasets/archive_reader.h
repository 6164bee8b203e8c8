#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

enum class ArchiveFormat { kTar, kZip };

/// One file in an archive.
struct ArchiveEntry {
  std::string path;    ///< below the archive's top, normalised; any bytes
  int64_t size = 0;    ///< bytes, unpacked
  int64_t offset = 0;  ///< where they begin in the unpacked archive; tar only
};

/// What is more than an archive of images has, and less than fills the memory or lasts for ever.
struct ArchiveLimits {
  int64_t entries = 10'000'000;
  int64_t unpacked = 1'000'000'000'000;  ///< bytes of all files
};

/// Walks once through an archive. Nothing is unpacked to disk, and nothing in it is trusted.
///
/// Refused, with the entry's name, are: paths that are absolute or climb out with "..", links,
/// devices and the like, encrypted entries, and whatever goes beyond the limits.
///
/// Errors  BadData with the archive, the entry and what libarchive says of it.
class ArchiveReader {
 public:
  ArchiveReader(std::filesystem::path path, ArchiveFormat format, ArchiveLimits limits = {});
  ~ArchiveReader();

  /// Goes to the next file; folders are passed over. None at the end of the archive.
  std::optional<ArchiveEntry> next();

  /// Fills `bytes` with what comes next in the file; returns how many there were, fewer at its end.
  size_t read(std::span<std::byte> bytes);

  /// Whether the archive is packed as a whole, as a .tar.gz is. Known once next() was called.
  bool packed() const;

  /// All of the file. Only then is its checksum known to be right, where the format has one.
  std::vector<std::byte> read_all();

 private:
  struct Handle;

  bool advance();
  void check_end() const;
  void check_entry();
  [[noreturn]] void refuse(const std::string& why) const;
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  ArchiveLimits limits_;
  std::unique_ptr<Handle> handle_;
  ArchiveEntry entry_;
  int64_t entries_ = 0;
  int64_t unpacked_ = 0;  ///< bytes of all files so far
};

/// While it lives, file names in archives are UTF-8 for this thread, whatever LANG says.
class Utf8Names {
 public:
  Utf8Names();
  ~Utf8Names();
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  void* before_ = nullptr;
};

}  // namespace oar
