#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "models/weights/tensor_file.h"

namespace oar {

/// What a safetensors file holds.
struct Safetensors {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

/// Whether the file opens like safetensors: eight bytes of header length, then a JSON object.
bool is_safetensors(std::span<const std::byte> file);

/// Reads safetensors as strictly as the reference: the tensors cover the data without overlap or
/// hole, no name comes twice, and the header has at most 100 MB.
///
/// Errors  BadWeights that names the tensor or the byte.
Safetensors read_safetensors(std::span<const std::byte> file, const std::string& name);

/// Only the metadata; the tensors' data is not copied.
std::map<std::string, std::string> read_safetensors_header(std::span<const std::byte> file,
                                                           const std::string& name);

}  // namespace oar
