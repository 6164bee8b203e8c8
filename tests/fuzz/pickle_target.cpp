#include <string>

#include "models/weights/torch_file.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/touch.h"
#include "tests/models/weights/pickle_bytes.h"

namespace oar::fuzz {
namespace {

using Reader = TensorMap (*)(std::span<const std::byte>, const std::string&, const ReadOptions&);

void read(Reader reader, std::span<const std::byte> file) {
  for (const bool skip : {false, true}) {
    try {
      for (const auto& [name, tensor] : reader(file, "file", {.skip_unknown_objects = skip})) {
        touch(tensor);
      }
    } catch (const BadWeights&) {
    }
  }
}

}  // namespace

void pickle(std::span<const std::byte> bytes) {
  read(read_torch_zip, bytes);
  read(read_torch_stream, bytes);
  // The checksums of a zip stop most mutations before the pickle is run.
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string around = torch_zip(
      text, {{"0", std::string(16, '\1')}, {"7", std::string(16, '\0')}, {"8", "12345678"}});
  read(read_torch_zip, as_bytes(around));
}

}  // namespace oar::fuzz
