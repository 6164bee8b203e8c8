#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "models/weights/tensor_file.h"

namespace oar {

/// Whether the file opens like torch's zip container: with the first entry of a zip archive.
bool is_torch_zip(std::span<const std::byte> file);

/// Whether the file opens with a pickle, as torch's old container does.
bool is_torch_stream(std::span<const std::byte> file);

/// Reads the zip container: `<folder>/data.pkl` is the pickle, `<folder>/data/<key>` the storages.
TensorMap read_torch_zip(std::span<const std::byte> file, const std::string& name,
                         const ReadOptions& options);

/// Reads the old container: pickles of a magic number, protocol version, system info, the object
/// and the storages' keys, then for each key an int64 count and the elements.
TensorMap read_torch_stream(std::span<const std::byte> file, const std::string& name,
                            const ReadOptions& options);

}  // namespace oar
