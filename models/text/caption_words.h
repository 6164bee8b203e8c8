// What a caption is taken apart into before byte pairs are counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// Longest word, bytes. A longer run of one kind is cut here, so that no input, however odd, makes
/// a word expensive.
inline constexpr int64_t kMaxWordBytes = 64;

/// A caption as the vocabulary sees it: ASCII letters in lower case, each run of ASCII blanks
/// (space, \t, \n, \v, \f, \r) one space, none at the ends. All other bytes stay as they are: UTF-8
/// or not, nothing is refused or replaced. What is normalised already is not changed.
std::string normalised_caption(std::string_view caption);

/// The words of a normalised caption: runs of one kind (letters, which include all bytes from 0x80
/// on; digits; anything else), each with the space before it, cut at kMaxWordBytes. Together they
/// are the caption: "a t-shirt, size 42" is a| t|-|shirt|,| size| 42. Views into `caption`.
///
/// Source  the idea of GPT-2's splitting (Radford et al. 2019, section 2.2) without its regular
///         expression: letters outside ASCII are not told from punctuation, and 's is two words.
std::vector<std::string_view> caption_words(std::string_view caption);

}  // namespace oar
