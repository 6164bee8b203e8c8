#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "models/text/bpe_vocabulary.h"

namespace oar {

/// The merges of BpeVocabulary::train, at most `most`, from the words of all captions and how often
/// each occurs. Counts are kept up to date instead of taken again: a merge costs the words it is
/// in, not all of them.
std::vector<BpeMerge> learn_merges(const std::unordered_map<std::string, int64_t>& word_counts,
                                   int64_t most);

/// Every `merge.left` with a `merge.right` behind it becomes `made`, from left to right. Returns
/// whether there was one.
bool merge_in(std::vector<int32_t>& tokens, BpeMerge merge, int32_t made);

}  // namespace oar
