#pragma once

#include <torch/types.h>

#include <string>

namespace oar {

/// `auto` (CUDA where libtorch and the machine have it, else CPU), `cpu`, `cuda` or `cuda:<index>`.
///
/// Errors  std::invalid_argument for another text, or for CUDA where there is none.
torch::Device device_from_name(const std::string& name);

}  // namespace oar
