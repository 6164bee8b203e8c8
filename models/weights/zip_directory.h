#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace oar {

/// One stored (uncompressed) file of a zip archive.
struct ZipEntry {
  size_t begin = 0;    ///< first byte of its content, from the start of the archive
  size_t size = 0;     ///< bytes of content, inside the archive
  uint32_t crc32 = 0;  ///< checksum of the content, as the directory states it
};

/// Reads the directory of a zip archive, zip64 included, as torch.save writes them. Entries come by
/// name; a name is only text here, nothing is ever written under it.
///
/// Errors  BadWeights for a damaged archive, two entries of one name, encryption, compression.
/// Source  PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16, 4.5.3.
std::map<std::string, ZipEntry> read_zip_directory(std::span<const std::byte> archive,
                                                   const std::string& name);

/// CRC-32 as zip uses it: ISO 3309, polynomial 0xEDB88320 reflected.
uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace oar
