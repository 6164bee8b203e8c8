#pragma once

#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/reports/example_results.h"

namespace oar::example {

inline std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

/// One chunk of a PNG.
///
/// Source  W3C Portable Network Graphics, 3rd edition: CRC-32 over type and data.
inline std::string png_chunk(const std::string& type, const std::string& data) {
  uint32_t crc = 0xffffffff;
  for (const char c : type + data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return big_endian(static_cast<uint32_t>(data.size())) + type + data + big_endian(~crc);
}

/// A PNG of `side`² pixels of one colour, its bytes stored and not compressed. `side` up to 100.
inline std::string one_colour_png(std::array<uint8_t, 3> colour, uint32_t side = 8) {
  std::string rows;
  for (uint32_t y = 0; y < side; ++y) {
    rows += '\0';  // the row's filter: none
    for (uint32_t x = 0; x < side; ++x) {
      for (const uint8_t channel : colour) rows += static_cast<char>(channel);
    }
  }
  uint32_t low = 1, high = 0;  // Adler-32
  for (const char c : rows) {
    low = (low + static_cast<unsigned char>(c)) % 65521;
    high = (high + low) % 65521;
  }
  const auto size = static_cast<uint16_t>(rows.size());
  std::string stored = "\x78\x01\x01";  // zlib's header; the last block, stored
  for (const auto part : {size, static_cast<uint16_t>(~size)}) {
    stored += static_cast<char>(part & 0xff);
    stored += static_cast<char>(part >> 8);
  }
  stored += rows + big_endian(high << 16 | low);
  return std::string("\x89PNG\r\n\x1a\n", 8) +
         png_chunk("IHDR", big_endian(side) + big_endian(side) + std::string("\x08\x02\0\0\0", 5)) +
         png_chunk("IDAT", stored) + png_chunk("IEND", "");
}

/// Puts `count` images below `folder`, each of one colour (red of `red`, green by number, blue of
/// `seed`), and names them in the cell as `run` does.
inline void add_samples(json& cell, const std::filesystem::path& folder, size_t count,
                        uint8_t red) {
  const int seed = cell.at("seed");
  const std::string name = "exhibits/" + std::to_string(red) + "-" + std::to_string(seed);
  std::filesystem::create_directories(folder / name);
  json images = json::array();
  for (size_t k = 0; k < count; ++k) {
    const std::string file = name + "/" + std::to_string(k) + ".png";
    std::ofstream(folder / file, std::ios::binary)
        << one_colour_png({red, static_cast<uint8_t>(10 * k), static_cast<uint8_t>(seed)});
    images.push_back(file);
  }
  cell["samples"] = {{"grid", {2, 2}}, {"images", images}};
}

}  // namespace oar::example
