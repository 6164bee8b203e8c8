#include "models/text/caption_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "models/text/caption_words.h"

namespace oar {

CaptionTokens encode_captions(const BpeVocabulary& vocabulary,
                              const std::vector<std::string>& captions, int64_t length) {
  if (length < 1) {
    throw std::invalid_argument(
        fmt::format("captions must have room for at least 1 token, got {}", length));
  }
  CaptionTokens result;
  result.length = length;
  result.ids.assign(captions.size() * static_cast<size_t>(length), -1);
  std::unordered_map<std::string, std::vector<int64_t>> known;  // words come again and again
  for (size_t number = 0; number < captions.size(); ++number) {
    const std::string normalised = normalised_caption(captions[number]);
    int32_t* const row = result.ids.data() + number * static_cast<size_t>(length);
    int64_t count = 0;
    for (const std::string_view word : caption_words(normalised)) {
      if (count > length) break;
      auto [entry, is_new] = known.try_emplace(std::string(word));
      if (is_new) vocabulary.encode_word(word, entry->second);
      for (const int64_t id : entry->second) {
        if (count < length) row[count] = static_cast<int32_t>(id);
        ++count;
      }
    }
    if (count > length) ++result.cut;
    if (count == 0) ++result.empty;
  }
  return result;
}

}  // namespace oar
