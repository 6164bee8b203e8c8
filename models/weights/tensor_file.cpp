#include "models/weights/tensor_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "models/weights/bytes.h"
#include "models/weights/safetensors.h"
#include "models/weights/torch_file.h"

namespace oar {
namespace {

// A file's bytes without a copy: a checkpoint is copied once, into its tensors.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(errno, path);
    struct stat status {};
    int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
    if (error == 0 && !S_ISREG(status.st_mode)) error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    if (error == 0 && status.st_size > 0) {
      size_ = static_cast<size_t>(status.st_size);
      data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (data_ == MAP_FAILED) error = errno;
    }
    ::close(descriptor);
    if (error != 0) fail(error, path);
  }
  ~MappedFile() {
    if (size_ > 0) ::munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  [[noreturn]] static void fail(int error, const std::filesystem::path& path) {
    throw std::system_error(error, std::generic_category(),
                            "cannot read the weights " + path.string());
  }

  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace

TensorMap read_tensors(const std::filesystem::path& path, const ReadOptions& options) {
  const MappedFile file(path);
  return read_tensors(file.bytes(), path.string(), options);
}

TensorMap read_tensors(std::span<const std::byte> bytes, const std::string& name,
                       const ReadOptions& options) {
  if (is_safetensors(bytes)) return read_safetensors(bytes, name).tensors;
  if (is_torch_zip(bytes)) return read_torch_zip(bytes, name, options);
  if (is_torch_stream(bytes)) return read_torch_stream(bytes, name, options);
  const std::string_view opening(reinterpret_cast<const char*>(bytes.data()),
                                 std::min<size_t>(bytes.size(), 16));
  throw BadWeights(fmt::format(
      "{}: {} bytes that start with {} are no weights file; accepted are .safetensors and what "
      "torch.save writes (.pth, .pt, .ckpt). Was the download complete?",
      name, bytes.size(), printable(opening)));
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  const MappedFile file(path);
  return read_safetensors_header(file.bytes(), path.string());
}

}  // namespace oar
