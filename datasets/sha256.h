#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace oar {

/// SHA-256 as 64 lower-case hexadecimal digits.
///
/// Source  FIPS 180-4, computed by OpenSSL.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);

/// SHA-256 of a file's bytes, read in pieces.
///
/// Errors  std::system_error if the file cannot be opened or read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace oar
