#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace oar {

/// Puts a text in place of a file, whole or not at all; the folder is there.
///
/// Errors  std::system_error with the path.
using WriteText = std::function<void(const std::filesystem::path&, std::string_view text)>;

/// The bytes of a file.
///
/// Errors  std::system_error with the path if it cannot be read.
std::string bytes_of(const std::filesystem::path& file);

/// The bytes of a file; nothing if it cannot be read.
std::optional<std::string> content_of(const std::filesystem::path& file);

}  // namespace oar
