#include "datasets/png_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace oar {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";
constexpr size_t kFrame = 12;  // bytes of a chunk beside its data: length, type, checksum

uint32_t big_endian(std::span<const std::byte> bytes) {
  return std::to_integer<uint32_t>(bytes[0]) << 24 | std::to_integer<uint32_t>(bytes[1]) << 16 |
         std::to_integer<uint32_t>(bytes[2]) << 8 | std::to_integer<uint32_t>(bytes[3]);
}

/// CRC-32 of a chunk's type and data (PNG specification, annex D).
uint32_t checksum(std::span<const std::byte> bytes) {
  static const std::array<uint32_t, 256> kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t n = 0; n < 256; ++n) {
      table[n] = n;
      for (int bit = 0; bit < 8; ++bit) {
        table[n] = (table[n] & 1) ? 0xEDB88320U ^ (table[n] >> 1) : table[n] >> 1;
      }
    }
    return table;
  }();
  uint32_t crc = 0xFFFFFFFFU;
  for (const std::byte byte : bytes) {
    crc = kTable[(crc ^ std::to_integer<uint32_t>(byte)) & 255] ^ (crc >> 8);
  }
  return ~crc;
}

struct Chunk {
  std::string type;
  std::span<const std::byte> whole;  ///< with its length, type and checksum
  std::span<const std::byte> data() const { return whole.subspan(8, whole.size() - kFrame); }
};

/// Takes the first chunk off `rest`; none if it is cut off.
std::optional<Chunk> take_chunk(std::span<const std::byte>& rest) {
  if (rest.size() < kFrame) return std::nullopt;
  const size_t length = big_endian(rest);
  if (length > rest.size() - kFrame) return std::nullopt;
  Chunk chunk{std::string(reinterpret_cast<const char*>(rest.data()) + 4, 4),
              rest.first(length + kFrame)};
  rest = rest.subspan(length + kFrame);
  return chunk;
}

/// A lower-case first letter marks a chunk that a reader may skip.
bool may_be_skipped(const Chunk& chunk) { return (chunk.type[0] & 0x20) != 0; }

void check_chunk(const Chunk& chunk) {
  const bool has_name = std::all_of(chunk.type.begin(), chunk.type.end(), [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
  if (!has_name) throw BrokenImage("broken PNG: no chunk where one should start");
  const auto type_and_data = chunk.whole.subspan(4, chunk.whole.size() - 8);
  if (checksum(type_and_data) != big_endian(chunk.whole.last(4))) {
    throw BrokenImage(fmt::format("broken PNG: wrong checksum in chunk {}", chunk.type));
  }
  constexpr std::array<std::string_view, 4> kKnown = {"IHDR", "PLTE", "IDAT", "IEND"};
  if (!may_be_skipped(chunk) && std::find(kKnown.begin(), kKnown.end(), chunk.type) == kKnown.end())
    throw BrokenImage(fmt::format("not a standard PNG: unknown chunk {}", chunk.type));
}

/// The PNG without the chunks that may be skipped, except those of one type.
std::vector<std::byte> keep_chunks(std::span<const std::byte> png, std::string_view optional) {
  auto rest = png.subspan(std::min(kSignature.size(), png.size()));
  std::vector<std::byte> kept(png.begin(), png.end() - rest.size());
  while (const std::optional<Chunk> chunk = take_chunk(rest)) {
    if (may_be_skipped(*chunk) && chunk->type != optional) continue;
    kept.insert(kept.end(), chunk->whole.begin(), chunk->whole.end());
  }
  return kept;
}

}  // namespace

ImageSize stated_png_size(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kSignature)) throw BrokenImage("broken PNG: damaged signature");
  auto rest = bytes.subspan(kSignature.size());
  const std::optional<Chunk> chunk = take_chunk(rest);
  if (!chunk || chunk->type != "IHDR" || chunk->data().size() != 13) {
    throw BrokenImage("broken PNG: no header (IHDR chunk)");
  }
  return {big_endian(chunk->data()), big_endian(chunk->data().subspan(4))};
}

ImageSize check_png_chunks(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kSignature)) throw BrokenImage("broken PNG: damaged signature");
  auto rest = bytes.subspan(kSignature.size());
  std::optional<ImageSize> size;
  bool has_pixels = false;
  while (const std::optional<Chunk> chunk = take_chunk(rest)) {
    check_chunk(*chunk);
    if (!size) {
      if (chunk->type != "IHDR" || chunk->data().size() != 13) break;
      size = ImageSize{big_endian(chunk->data()), big_endian(chunk->data().subspan(4))};
      if (size->width == 0 || size->height == 0) break;
    }
    if (chunk->type == "IDAT") has_pixels = true;
    if (chunk->type == "IEND") {
      if (!has_pixels) throw BrokenImage("broken PNG: it holds no pixels (no IDAT chunk)");
      return *size;
    }
  }
  if (!size || size->width == 0 || size->height == 0) {
    throw BrokenImage("broken PNG: no header (IHDR chunk)");
  }
  throw BrokenImage("broken PNG: cut off before its end (no IEND chunk)");
}

std::vector<std::byte> without_side_chunks(std::span<const std::byte> png) {
  return keep_chunks(png, "tRNS");  // tRNS: transparency
}

std::vector<std::byte> without_transparency(std::span<const std::byte> png) {
  return keep_chunks(png, "");
}

}  // namespace oar
