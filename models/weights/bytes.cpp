#include "models/weights/bytes.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "models/weights/tensor_file.h"

namespace oar {

std::string printable(std::string_view text) {
  constexpr size_t kMaxLength = 100;
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxLength)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + (text.size() > kMaxLength ? "\"..." : "\"");
}

std::optional<int64_t> product(int64_t a, int64_t b) {
  int64_t result;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

ByteCursor::ByteCursor(std::span<const std::byte> file, std::string name, size_t begin, size_t end)
    : file_(file), name_(std::move(name)), position_(begin), end_(end) {
  TORCH_CHECK(begin <= end && end <= file.size(), "cursor [", begin, ", ", end, ") of ",
              file.size(), " bytes");
}

std::span<const std::byte> ByteCursor::take(uint64_t count, std::string_view what) {
  if (count > remaining()) {
    fail(fmt::format("{} needs {} bytes, {} are left; the file is truncated or damaged", what,
                     count, remaining()));
  }
  const auto bytes = file_.subspan(position_, count);
  position_ += count;
  return bytes;
}

std::string_view ByteCursor::take_text(uint64_t count, std::string_view what) {
  const auto bytes = take(count, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view ByteCursor::take_line(std::string_view what) {
  const auto rest = file_.subspan(position_, remaining());
  const auto newline = std::find(rest.begin(), rest.end(), std::byte{'\n'});
  if (newline == rest.end()) {
    fail(fmt::format("{} has no end; the file is truncated or damaged", what));
  }
  const auto line = take_text(static_cast<uint64_t>(newline - rest.begin()), what);
  take(1, what);
  return line;
}

void ByteCursor::fail_at(size_t position, const std::string& message) const {
  throw BadWeights(fmt::format("{}: at byte {}: {}", name_, position, message));
}

at::Tensor tensor_of_bytes(std::span<const std::byte> bytes, at::ScalarType type,
                           at::IntArrayRef sizes, const std::string& where) {
  if (type == at::kBool) {
    const auto odd = std::find_if(bytes.begin(), bytes.end(),
                                  [](std::byte byte) { return byte > std::byte{1}; });
    if (odd != bytes.end()) {
      throw BadWeights(fmt::format("{}: a bool is {}, accepted are 0 and 1; the file is damaged",
                                   where, std::to_integer<int>(*odd)));
    }
  }
  at::Tensor tensor = at::empty(sizes, at::TensorOptions().dtype(type));
  TORCH_CHECK(tensor.nbytes() == bytes.size(), where, ": ", bytes.size(), " bytes for a tensor of ",
              tensor.nbytes());
  if (!bytes.empty()) std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace oar
