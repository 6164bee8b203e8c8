#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "datasets/image_source.h"

namespace oar {

/// The kinds of open_image_source(), each given a path that it has found to be of the kind.
std::unique_ptr<ImageSource> open_folder(const std::filesystem::path& path,
                                         const SourceOptions& options);
std::unique_ptr<ImageSource> open_list(const std::filesystem::path& path);
std::unique_ptr<ImageSource> open_tar(const std::filesystem::path& path);
std::unique_ptr<ImageSource> open_zip(const std::filesystem::path& path);  ///< of images or arrays
std::unique_ptr<ImageSource> open_npz(const std::filesystem::path& path);
std::unique_ptr<ImageSource> open_npy(const std::filesystem::path& path);

/// "1 file", "2 files": the count with its noun, whose plural takes an s.
std::string counted(int64_t count, std::string_view noun);

/// Reads a file of a folder or list as image.bytes, or says in image.unreadable why not.
void read_image_file(const std::filesystem::path& path, SourceImage& image);

}  // namespace oar
