#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace oar {

/// The text with every byte that is not part of valid UTF-8 replaced by U+FFFD: captions and names
/// go into JSON, which holds nothing else. Text that is valid comes back unchanged.
std::string as_utf8(std::string_view text);

/// A path as messages show it: in quotes, and as_utf8().
std::string quoted(const std::filesystem::path& path);

}  // namespace oar
