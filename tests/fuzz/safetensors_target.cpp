#include "models/weights/safetensors.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/touch.h"

namespace oar::fuzz {

void safetensors(std::span<const std::byte> bytes) {
  try {
    for (const auto& [name, tensor] : read_safetensors(bytes, "file").tensors) touch(tensor);
  } catch (const BadWeights&) {
  }
  try {
    read_safetensors_header(bytes, "file");
  } catch (const BadWeights&) {
  }
}

}  // namespace oar::fuzz
