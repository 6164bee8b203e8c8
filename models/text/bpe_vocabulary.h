#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace oar {

inline constexpr int64_t kByteTokens = 256;        ///< ids 0 .. 255 are the bytes themselves
inline constexpr int64_t kMaxVocabulary = 65'536;  ///< tokens of a vocabulary

/// A stored vocabulary that no training can have written. The message starts with "vocabulary" and
/// names the entry.
struct BadVocabulary : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Two tokens that become one. Merge k makes token kByteTokens + k.
struct BpeMerge {
  int32_t left = 0, right = 0;

  auto operator<=>(const BpeMerge&) const = default;
};

struct BpeMergeHash {
  size_t operator()(BpeMerge merge) const {
    return std::hash<int64_t>()(int64_t{merge.left} << 32 | merge.right);
  }
};

/// Captions to tokens and back: byte-level byte-pair encoding.
///
/// A caption is normalised and split into words (caption_words.h); tokens never cross words. The
/// same captions, in whatever order, give the same vocabulary; a vocabulary gives every caption one
/// sequence of tokens. An object is not changed once made: threads may share it.
///
/// Shapes  ids 0 .. size() - 1; the empty caption, and one of blanks alone, has none.
/// Source  arXiv 1508.07909, algorithm 1, over bytes and with split words as GPT-2 (Radford et al.
///         2019, section 2.2).
class BpeVocabulary {
 public:
  /// The 256 bytes alone.
  BpeVocabulary() : BpeVocabulary(std::vector<BpeMerge>{}) {}

  /// Learns from captions: the most frequent pair of neighbouring tokens is merged, again and
  /// again, until there are `size` tokens or no pair occurs twice. Ties: the lowest (left, right).
  /// Every position counts: "aaa" has the pair (a, a) twice, and becomes (aa, a).
  ///
  /// Errors  std::invalid_argument unless `size` is kByteTokens to kMaxVocabulary.
  static BpeVocabulary train(const std::vector<std::string>& captions, int64_t size);

  /// The tokens of a caption. Within a word, the merge learned first goes first.
  std::vector<int64_t> encode(std::string_view caption) const;

  /// Appends the tokens of one word out of caption_words(): for callers that remember words.
  void encode_word(std::string_view word, std::vector<int64_t>& ids) const;

  /// The text of tokens: decode(encode(x)) is normalised_caption(x), byte for byte.
  ///
  /// Errors  std::invalid_argument for an id outside 0 .. size() - 1.
  std::string decode(std::span<const int64_t> ids) const;

  int64_t size() const { return kByteTokens + static_cast<int64_t>(merges_.size()); }
  const std::vector<BpeMerge>& merges() const { return merges_; }
  bool operator==(const BpeVocabulary& other) const { return merges_ == other.merges_; }

  /// {"kind": "byte_pairs", "version": 1, "merges": [[left, right], ...]}, in the order learned.
  nlohmann::json to_json() const;

  /// Reads what to_json() writes, and nothing else.
  ///
  /// Errors  BadVocabulary: another kind or version, a member missing or unknown, a merge that is
  ///         no pair of integers, of tokens not yet made, made before, or longer than a word, or
  ///         more than kMaxVocabulary tokens.
  static BpeVocabulary from_json(const nlohmann::json& value);

 private:
  explicit BpeVocabulary(std::vector<BpeMerge> merges);

  std::vector<BpeMerge> merges_;
  std::vector<std::string> texts_;                               // of every token
  std::unordered_map<BpeMerge, int32_t, BpeMergeHash> made_by_;  // pair -> token
};

}  // namespace oar
