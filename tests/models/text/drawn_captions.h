#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// Captions out of an integer hash, by the rules of tests/golden/make_bpe_golden.py: words of
/// letters, digits, punctuation and bytes outside ASCII, some with runs, some longer than a word
/// may be; odd blanks; empty captions.
namespace oar::golden {

inline uint32_t hash32(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7FEB352DU;
  x = (x ^ (x >> 15)) * 0x846CA68BU;
  return x ^ (x >> 16);
}

inline uint32_t drawn(uint32_t stream, uint32_t number) { return hash32(hash32(stream) + number); }

inline std::string drawn_word(uint32_t word) {
  constexpr std::array<std::string_view, 8> kAlphabets = {
      "0123456789", "-'.,!/&", "\xC3\xA9\xDF", "ab", "Eaton", "etaoinshrdlu", "shirt", "black"};
  const std::string_view alphabet = kAlphabets[word % 8];
  const uint32_t length = (1 + drawn(word, 0) % 9) * (word % 16 == 3 ? 20 : 1);
  std::string text;
  for (uint32_t i = 0; i < length; ++i) text += alphabet[drawn(word, 1 + i) % alphabet.size()];
  return text;
}

inline std::string drawn_caption(uint32_t caption) {
  constexpr std::array<std::string_view, 4> kBlanks = {" ", "  ", "", "\t"};
  const uint32_t stream = 1'000'000 + caption;
  std::string text;
  for (uint32_t i = 0; i < drawn(stream, 0) % 9; ++i) {
    const uint32_t word = drawn(stream, 3 * i + 1) % (1 + drawn(stream, 3 * i + 2) % 400);
    text += kBlanks[drawn(stream, 3 * i + 3) % 4];
    text += drawn_word(word);
  }
  return text;
}

/// `length` bytes of any value.
inline std::string drawn_bytes(uint32_t stream, uint32_t length) {
  std::string text;
  for (uint32_t i = 0; i < length; ++i) text += static_cast<char>(drawn(stream, i) & 0xFF);
  return text;
}

}  // namespace oar::golden
