#include "datasets/image_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

namespace oar {
namespace {

constexpr std::array<std::string_view, 3> kRead = {".jpg", ".jpeg", ".png"};
constexpr std::array<std::string_view, 12> kNotRead = {".webp", ".gif",  ".bmp",  ".tif",
                                                       ".tiff", ".avif", ".heic", ".heif",
                                                       ".jp2",  ".jxl",  ".ppm",  ".pgm"};

std::string extension_of(std::string_view file) {
  std::string extension = std::filesystem::path(file).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension;
}

}  // namespace

NamedAs named_as(std::string_view file) {
  const std::string extension = extension_of(file);
  const auto is_one_of = [&extension](const auto& list) {
    return std::find(list.begin(), list.end(), extension) != list.end();
  };
  if (is_one_of(kRead)) return NamedAs::kImage;
  return is_one_of(kNotRead) ? NamedAs::kForeignImage : NamedAs::kOther;
}

std::string foreign_image_reason(std::string_view file) {
  return fmt::format("{} files are not read; convert it to PNG or JPEG", extension_of(file));
}

bool is_hidden(std::string_view file) {
  while (!file.empty()) {
    const std::string_view name = file.substr(0, file.find('/'));
    if (name.starts_with('.') && name != "." && name != "..") return true;
    if (name == "__MACOSX") return true;
    file.remove_prefix(std::min(name.size() + 1, file.size()));
  }
  return false;
}

}  // namespace oar
