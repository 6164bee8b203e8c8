#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <vector>

#include "datasets/archive_reader.h"
#include "datasets/image_source_kinds.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/touch.h"

namespace oar::fuzz {
namespace {

/// A file that is in memory only, under a path of its own.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes) : file_(::memfd_create("archive", 0)) {
    if (file_ < 0 || ::write(file_, bytes.data(), bytes.size()) != std::ssize(bytes)) std::abort();
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", file_); }

 private:
  int file_;
};

constexpr ArchiveLimits kLimits = {.entries = 1000, .unpacked = 1 << 24};

void read_entries(const std::filesystem::path& path, ArchiveFormat format) {
  ArchiveReader reader(path, format, kLimits);
  int64_t unpacked = 0;
  while (const auto entry = reader.next()) {
    const std::filesystem::path inside = entry->path;
    const bool leaves =
        inside.is_absolute() || std::find(inside.begin(), inside.end(), "..") != inside.end();
    if (leaves || entry->path.empty()) std::abort();
    unpacked += std::ssize(reader.read_all());
    if (unpacked > kLimits.unpacked) std::abort();
  }
}

void read_images(const std::filesystem::path& path, ArchiveFormat format) {
  const auto source = format == ArchiveFormat::kTar ? open_tar(path) : open_zip(path);
  source->read([&](SourceImage image) {
    if (image.rank < 0 || image.rank >= source->count()) std::abort();
    if (image.pixels.defined()) touch(image.pixels);
  });
}

}  // namespace

void archive(std::span<const std::byte> bytes) {
  const MemoryFile file(bytes);
  for (const auto format : {ArchiveFormat::kTar, ArchiveFormat::kZip}) {
    for (const auto& read : {read_entries, read_images}) {
      try {
        read(file.path(), format);
      } catch (const BadData&) {
      }
    }
  }
}

}  // namespace oar::fuzz
