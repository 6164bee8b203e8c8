#pragma once

#include <cstdint>
#include <string>

namespace oar {

/// A number of bytes as people write it: `2GiB`, `512 MiB`, `1.5GB`, `1000000`.
///
/// Errors  std::invalid_argument for another text, a unit that is not known, or less than one byte.
int64_t bytes_from_text(const std::string& text);

}  // namespace oar
