// The libFuzzer target of the weights reader (`make fuzz`). Whatever the bytes say, the answer is
// tensors or BadWeights: any other exception, a crash, a hang or a lack of memory is a finding.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "models/weights/tensor_file.h"
#include "tests/models/weights/pickle_bytes.h"

namespace oar {
namespace {

volatile std::byte touched;

/// Reads the first and the last byte of a view, so that an address checker sees one that leaves its
/// storage. libtorch's own reads are not instrumented.
void touch(const torch::Tensor& tensor) {
  if (tensor.numel() == 0) return;
  int64_t last = 0;
  for (int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
  touched = bytes[0];
  touched = bytes[(last + 1) * static_cast<int64_t>(tensor.element_size()) - 1];
}

void read(std::span<const std::byte> file, bool skip_unknown_objects) {
  try {
    const ReadOptions options{.skip_unknown_objects = skip_unknown_objects};
    for (const auto& [name, tensor] : read_tensors(file, "file", options)) touch(tensor);
  } catch (const BadWeights&) {
  }
}

}  // namespace
}  // namespace oar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  // The checksums of a zip stop most mutations before the pickle is run; so the bytes are also read
  // as the pickle of an archive that is made around them.
  const std::string archive = oar::torch_zip(
      std::string(reinterpret_cast<const char*>(data), size),
      {{"0", std::string(16, '\1')}, {"7", std::string(16, '\0')}, {"8", "12345678"}});
  for (const bool skip : {false, true}) {
    oar::read(file, skip);
    oar::read(oar::as_bytes(archive), skip);
  }
  return 0;
}
