#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/text/bpe_vocabulary.h"

namespace oar {

/// The captions of a data set as token ids, all of one length.
struct CaptionTokens {
  std::vector<int32_t> ids;  ///< [captions, length], row-major; -1 behind the last token of each
  int64_t length = 0;        ///< tokens a caption has room for
  int64_t cut = 0;           ///< captions with more tokens than that, which lost their end
  int64_t empty = 0;         ///< captions without a token: rows of -1 alone
};

/// Encodes every caption.
///
/// Errors  std::invalid_argument unless `length` is at least 1.
CaptionTokens encode_captions(const BpeVocabulary& vocabulary,
                              const std::vector<std::string>& captions, int64_t length);

}  // namespace oar
