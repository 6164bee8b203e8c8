#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace oar {

/// Text from a file, safe to print: quoted, unprintable bytes as \xNN, cut after 100 characters.
std::string printable(std::string_view text);

/// a * b, or nothing if a factor is negative or the product has no place in int64.
std::optional<int64_t> product(int64_t a, int64_t b);

/// A walk over part of a file that never leaves it.
///
/// Units   positions in bytes from the start of the file, so that messages can name them.
/// Errors  BadWeights "file: at byte N: ..." where the bytes asked for are not there.
class ByteCursor {
 public:
  /// Walks bytes [begin, end) of `file`; `name` stands for the file in messages.
  ByteCursor(std::span<const std::byte> file, std::string name, size_t begin, size_t end);

  size_t position() const { return position_; }
  size_t remaining() const { return end_ - position_; }
  const std::string& name() const { return name_; }

  /// The next `count` bytes; `what` says in the message what they were meant to be.
  std::span<const std::byte> take(uint64_t count, std::string_view what);

  /// The next bytes as text.
  std::string_view take_text(uint64_t count, std::string_view what);

  /// The text before the next newline, and the newline with it.
  std::string_view take_line(std::string_view what);

  /// A little-endian number, at any alignment.
  template <std::integral T>
  T take_number(std::string_view what) {
    uint64_t value = 0;
    int shift = 0;
    for (const std::byte byte : take(sizeof(T), what)) {
      value |= std::to_integer<uint64_t>(byte) << shift;
      shift += 8;
    }
    return static_cast<T>(value);
  }

  [[noreturn]] void fail(const std::string& message) const { fail_at(position_, message); }
  [[noreturn]] void fail_at(size_t position, const std::string& message) const;

 private:
  std::span<const std::byte> file_;
  std::string name_;
  size_t position_;
  size_t end_;
};

/// A tensor with its own copy of the bytes, which must be exactly as many as the shape needs.
///
/// Errors  BadWeights "`where`: ..." if a bool is neither 0 nor 1 (undefined behaviour to read).
at::Tensor tensor_of_bytes(std::span<const std::byte> bytes, at::ScalarType type,
                           at::IntArrayRef sizes, const std::string& where);

}  // namespace oar
