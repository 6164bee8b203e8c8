#include "harness/log/tensorboard_records.h"

#include <array>
#include <bit>

namespace oar {
namespace {

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}();

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u; }

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(value); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

// Wire types of protocol buffers.
enum class Wire : uint64_t { kVarint = 0, kEightBytes = 1, kLengthDelimited = 2, kFourBytes = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(uint64_t number, Wire wire, const std::string& content) {
  return varint(number << 3 | static_cast<uint64_t>(wire)) + content;
}

std::string message(uint64_t number, std::string_view content) {
  return field(number, Wire::kLengthDelimited, varint(content.size()) + std::string(content));
}

/// wall_time = 1, step = 2 (0 is the default and not written), then the content.
std::string event(double wall_time, int64_t step, const std::string& content) {
  std::string bytes =
      field(1, Wire::kEightBytes, little_endian(std::bit_cast<uint64_t>(wall_time)));
  if (step != 0) bytes += field(2, Wire::kVarint, varint(static_cast<uint64_t>(step)));
  return bytes + content;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  }
  return crc ^ 0xFFFFFFFFu;
}

std::string framed_record(std::string_view bytes) {
  const std::string length = little_endian(static_cast<uint64_t>(bytes.size()));
  return length + little_endian(masked(crc32c(length))) + std::string(bytes) +
         little_endian(masked(crc32c(bytes)));
}

std::string file_version_event(double wall_time) {
  return event(wall_time, 0, message(3, "brain.Event:2"));
}

std::string scalar_event(double wall_time, int64_t step, std::string_view tag, float value) {
  const std::string number =
      field(2, Wire::kFourBytes, little_endian(std::bit_cast<uint32_t>(value)));
  const std::string summary = message(1, message(1, tag) + number);
  return event(wall_time, step, message(5, summary));
}

std::string session_start_event(double wall_time, int64_t step) {
  constexpr uint64_t kStart = 1;
  return event(wall_time, step, message(7, field(1, Wire::kVarint, varint(kStart))));
}

}  // namespace oar
