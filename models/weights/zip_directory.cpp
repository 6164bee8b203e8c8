#include "models/weights/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/weights/bytes.h"
#include "models/weights/tensor_file.h"

namespace oar {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50;
constexpr uint32_t kZip64DirectoryEnd = 0x06064b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr size_t kDirectoryEndSize = 22;
constexpr size_t kZip64LocatorSize = 20;
constexpr size_t kMaxComment = 0xffff;
constexpr uint32_t kInZip64 = 0xffffffff;
constexpr uint16_t kZip64Extra = 0x0001;

using Crc32Tables = std::array<std::array<uint32_t, 256>, 8>;

// Eight bytes a step ("slicing by 8"): a byte a step would take longer than reading the file.
constexpr Crc32Tables make_crc32_tables() {
  Crc32Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0u);
    tables[0][i] = value;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (size_t t = 1; t < 8; ++t) {
      tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
    }
  }
  return tables;
}
constexpr Crc32Tables kCrc32Tables = make_crc32_tables();

struct Directory {
  uint64_t begin = 0, size = 0, count = 0;
};

// The record that closes the archive: the last one whose comment reaches exactly the end.
size_t find_directory_end(std::span<const std::byte> archive, const std::string& name) {
  const size_t reach = std::min(archive.size(), kDirectoryEndSize + kMaxComment);
  for (size_t size = kDirectoryEndSize; size <= reach; ++size) {
    const size_t begin = archive.size() - size;
    ByteCursor cursor(archive, name, begin, archive.size());
    if (cursor.take_number<uint32_t>("signature") != kDirectoryEnd) continue;
    cursor.take(16, "directory end");
    if (cursor.take_number<uint16_t>("comment length") == cursor.remaining()) return begin;
  }
  throw BadWeights(fmt::format(
      "{}: a zip archive without its directory at the end; the file is truncated, copy it again",
      name));
}

Directory find_directory(std::span<const std::byte> archive, const std::string& name) {
  const size_t end = find_directory_end(archive, name);
  ByteCursor cursor(archive, name, end + 4, archive.size());
  Directory directory;
  if (cursor.take_number<uint32_t>("disk numbers") != 0) {
    cursor.fail("the archive is split over several files; accepted is one file");
  }
  cursor.take(2, "entries on this disk");
  directory.count = cursor.take_number<uint16_t>("entry count");
  directory.size = cursor.take_number<uint32_t>("directory size");
  directory.begin = cursor.take_number<uint32_t>("directory offset");

  if (end >= kZip64LocatorSize) {
    ByteCursor locator(archive, name, end - kZip64LocatorSize, end);
    if (locator.take_number<uint32_t>("zip64 locator") == kZip64Locator) {
      locator.take(4, "zip64 disk");
      const auto offset = locator.take_number<uint64_t>("zip64 offset");
      if (offset > end) locator.fail("the zip64 directory end lies outside the file");
      ByteCursor zip64(archive, name, offset, end);
      if (zip64.take_number<uint32_t>("zip64 directory end") != kZip64DirectoryEnd) {
        zip64.fail_at(offset, "no zip64 directory end here; the archive is damaged");
      }
      zip64.take(8 + 2 + 2 + 4 + 4 + 8, "zip64 directory end");  // size, versions, disks, count
      directory.count = zip64.take_number<uint64_t>("zip64 entry count");
      directory.size = zip64.take_number<uint64_t>("zip64 directory size");
      directory.begin = zip64.take_number<uint64_t>("zip64 directory offset");
    }
  }
  if (directory.begin > end || directory.size > end - directory.begin) {
    throw BadWeights(fmt::format(
        "{}: the archive's directory (byte {}, {} bytes) lies outside the file; it is damaged",
        name, directory.begin, directory.size));
  }
  return directory;
}

// Fills in the 64-bit values of those fields that say they have one, in the fixed order.
void read_zip64_extra(ByteCursor extra, uint64_t& size, uint64_t& packed_size, uint64_t& offset) {
  while (extra.remaining() >= 4) {
    const auto id = extra.take_number<uint16_t>("extra field");
    const auto length = extra.take_number<uint16_t>("extra field");
    if (id != kZip64Extra) {
      extra.take(length, "extra field");
      continue;
    }
    if (size == kInZip64) size = extra.take_number<uint64_t>("zip64 size");
    if (packed_size == kInZip64) packed_size = extra.take_number<uint64_t>("zip64 packed size");
    if (offset == kInZip64) offset = extra.take_number<uint64_t>("zip64 offset");
    return;
  }
}

// Where the content begins: the local header repeats the name and has extra fields of its own.
size_t content_begin(std::span<const std::byte> archive, const std::string& name, uint64_t offset,
                     size_t limit, const std::string& entry) {
  if (offset > limit) {
    throw BadWeights(fmt::format("{}: entry {} starts at byte {}, outside the file; it is damaged",
                                 name, printable(entry), offset));
  }
  ByteCursor local(archive, name, offset, limit);
  if (local.take_number<uint32_t>("local header") != kLocalHeader) {
    local.fail_at(offset, fmt::format("no header of entry {} here; the archive is damaged",
                                      printable(entry)));
  }
  local.take(22, "local header");
  const auto name_length = local.take_number<uint16_t>("local header");
  const auto extra_length = local.take_number<uint16_t>("local header");
  local.take(uint64_t{name_length} + extra_length, "local header");
  return local.position();
}

}  // namespace

std::map<std::string, ZipEntry> read_zip_directory(std::span<const std::byte> archive,
                                                   const std::string& name) {
  const Directory directory = find_directory(archive, name);
  ByteCursor cursor(archive, name, directory.begin, directory.begin + directory.size);
  std::map<std::string, ZipEntry> entries;
  for (uint64_t i = 0; i < directory.count; ++i) {
    const size_t at = cursor.position();
    if (cursor.take_number<uint32_t>("directory entry") != kDirectoryEntry) {
      cursor.fail_at(at, "no directory entry here; the archive is damaged");
    }
    cursor.take(4, "directory entry");  // versions
    const auto flags = cursor.take_number<uint16_t>("directory entry");
    const auto method = cursor.take_number<uint16_t>("directory entry");
    cursor.take(4, "directory entry");  // time and date
    ZipEntry entry{.crc32 = cursor.take_number<uint32_t>("directory entry")};
    uint64_t packed_size = cursor.take_number<uint32_t>("directory entry");
    uint64_t size = cursor.take_number<uint32_t>("directory entry");
    const auto name_length = cursor.take_number<uint16_t>("directory entry");
    const auto extra_length = cursor.take_number<uint16_t>("directory entry");
    const auto comment_length = cursor.take_number<uint16_t>("directory entry");
    cursor.take(8, "directory entry");  // disk, attributes
    uint64_t offset = cursor.take_number<uint32_t>("directory entry");
    const std::string entry_name(cursor.take_text(name_length, "entry name"));
    const size_t extra_begin = cursor.position();
    cursor.take(uint64_t{extra_length} + comment_length, "directory entry");
    read_zip64_extra(ByteCursor(archive, name, extra_begin, extra_begin + extra_length), size,
                     packed_size, offset);

    if ((flags & 1) != 0 || method != 0 || packed_size != size) {
      cursor.fail_at(at, fmt::format("entry {} is compressed or encrypted (method {}); accepted "
                                     "are stored entries, as torch.save writes them",
                                     printable(entry_name), method));
    }
    entry.begin = content_begin(archive, name, offset, directory.begin, entry_name);
    if (size > directory.begin - entry.begin) {
      cursor.fail_at(at, fmt::format("entry {} of {} bytes at byte {} ends outside the file; it is "
                                     "damaged",
                                     printable(entry_name), size, entry.begin));
    }
    entry.size = size;
    if (!entries.emplace(entry_name, entry).second) {
      cursor.fail_at(
          at, fmt::format("a second entry {}; every name may come once", printable(entry_name)));
    }
  }
  return entries;
}

uint32_t crc32(std::span<const std::byte> bytes) {
  const auto& t = kCrc32Tables;
  uint32_t crc = 0xffffffff;
  const auto at = [&](size_t i) { return std::to_integer<uint32_t>(bytes[i]); };
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    crc ^= at(i) | at(i + 1) << 8 | at(i + 2) << 16 | at(i + 3) << 24;
    crc = t[7][crc & 0xff] ^ t[6][crc >> 8 & 0xff] ^ t[5][crc >> 16 & 0xff] ^ t[4][crc >> 24] ^
          t[3][at(i + 4)] ^ t[2][at(i + 5)] ^ t[1][at(i + 6)] ^ t[0][at(i + 7)];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ t[0][(crc ^ at(i)) & 0xff];
  return ~crc;
}

}  // namespace oar
