#include "models/text/bpe_vocabulary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "models/text/bpe_training.h"
#include "models/text/caption_words.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr const char* kKind = "byte_pairs";
constexpr int kVersion = 1;

[[noreturn]] void refuse(const std::string& what) {
  throw BadVocabulary("vocabulary: " + what + "; train it again from the captions");
}

// One of the two of merge `number`: a token that is made before it.
int32_t token_of(const json& value, size_t number) {
  const int64_t made = kByteTokens + static_cast<int64_t>(number);
  if (!value.is_number_integer() || value < 0 || value >= made) {
    refuse(fmt::format("merges[{}] must be of tokens 0 to {}, got {:.40}", number, made - 1,
                       value.is_number() ? value.dump() : value.type_name()));
  }
  return value.get<int32_t>();
}

const json& merges_of(const json& value) {
  if (!value.is_object()) refuse("must be an object");
  for (const auto& [name, member] : value.items()) {
    if (name != "kind" && name != "version" && name != "merges") {
      refuse("unknown member; known: kind, merges, version");
    }
  }
  if (value.size() != 3) refuse("must have kind, merges and version");
  if (value["kind"] != kKind) refuse(fmt::format("kind must be \"{}\"", kKind));
  if (!value["version"].is_number_integer() || value["version"] != kVersion) {
    refuse(fmt::format("version must be {}", kVersion));
  }
  const json& merges = value["merges"];
  if (!merges.is_array()) refuse("merges must be an array");
  if (merges.size() > size_t{kMaxVocabulary - kByteTokens}) {
    refuse(fmt::format("at most {} merges are accepted, got {}", kMaxVocabulary - kByteTokens,
                       merges.size()));
  }
  return merges;
}

}  // namespace

BpeVocabulary::BpeVocabulary(std::vector<BpeMerge> merges) : merges_(std::move(merges)) {
  for (int byte = 0; byte < kByteTokens; ++byte) texts_.emplace_back(1, static_cast<char>(byte));
  for (const BpeMerge merge : merges_) {
    const auto made = static_cast<int32_t>(texts_.size());
    if (!made_by_.emplace(merge, made).second) {
      refuse(fmt::format("merges[{}] is there before", made - kByteTokens));
    }
    std::string text =
        texts_[static_cast<size_t>(merge.left)] + texts_[static_cast<size_t>(merge.right)];
    if (text.size() > size_t{kMaxWordBytes}) {
      refuse(fmt::format("merges[{}] makes a token of {} bytes, more than a word's {}",
                         made - kByteTokens, text.size(), kMaxWordBytes));
    }
    texts_.push_back(std::move(text));
  }
}

BpeVocabulary BpeVocabulary::train(const std::vector<std::string>& captions, int64_t size) {
  if (size < kByteTokens || size > kMaxVocabulary) {
    throw std::invalid_argument(fmt::format("a vocabulary must have {} to {} tokens, got {}",
                                            kByteTokens, kMaxVocabulary, size));
  }
  std::unordered_map<std::string, int64_t> counts;
  for (const std::string& caption : captions) {
    const std::string normalised = normalised_caption(caption);
    for (const std::string_view word : caption_words(normalised)) ++counts[std::string(word)];
  }
  return BpeVocabulary(learn_merges(counts, size - kByteTokens));
}

void BpeVocabulary::encode_word(std::string_view word, std::vector<int64_t>& ids) const {
  std::vector<int32_t> tokens;
  for (const char byte : word) tokens.push_back(static_cast<unsigned char>(byte));
  while (true) {
    BpeMerge best;
    int32_t made = 0;  // ids grow in the order learned; 0 is never made
    for (size_t i = 1; i < tokens.size(); ++i) {
      const BpeMerge pair{tokens[i - 1], tokens[i]};
      const auto found = made_by_.find(pair);
      if (found == made_by_.end() || (made != 0 && found->second >= made)) continue;
      best = pair;
      made = found->second;
    }
    if (made == 0) break;
    merge_in(tokens, best, made);
  }
  ids.insert(ids.end(), tokens.begin(), tokens.end());
}

std::vector<int64_t> BpeVocabulary::encode(std::string_view caption) const {
  const std::string normalised = normalised_caption(caption);
  std::vector<int64_t> ids;
  for (const std::string_view word : caption_words(normalised)) encode_word(word, ids);
  return ids;
}

std::string BpeVocabulary::decode(std::span<const int64_t> ids) const {
  std::string text;
  for (const int64_t id : ids) {
    if (id < 0 || id >= size()) {
      throw std::invalid_argument(fmt::format("token ids must be 0 to {}, got {}", size() - 1, id));
    }
    text += texts_[static_cast<size_t>(id)];
  }
  return text;
}

json BpeVocabulary::to_json() const {
  json merges = json::array();
  for (const BpeMerge merge : merges_) merges.push_back({merge.left, merge.right});
  return {{"kind", kKind}, {"version", kVersion}, {"merges", std::move(merges)}};
}

BpeVocabulary BpeVocabulary::from_json(const json& value) {
  std::vector<BpeMerge> merges;
  for (const json& pair : merges_of(value)) {
    if (!pair.is_array() || pair.size() != 2) {
      refuse(fmt::format("merges[{}] must be two tokens", merges.size()));
    }
    merges.push_back({token_of(pair[0], merges.size()), token_of(pair[1], merges.size())});
  }
  return BpeVocabulary(std::move(merges));
}

}  // namespace oar
