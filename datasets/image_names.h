#pragma once

#include <string>
#include <string_view>

namespace oar {

/// What a file is, going by the extension of its name, in any case.
enum class NamedAs {
  kImage,         ///< .jpg, .jpeg, .png
  kForeignImage,  ///< .webp, .gif, .tiff, ...: an image, but of a format that is not read
  kOther,
};
NamedAs named_as(std::string_view file);

/// Why a NamedAs::kForeignImage is not read, and what to do.
std::string foreign_image_reason(std::string_view file);

/// Whether a file's name, or that of a folder on its path, starts with a dot, or is one of those
/// that macOS adds to archives (`__MACOSX/photo.jpg`).
bool is_hidden(std::string_view file);

}  // namespace oar
