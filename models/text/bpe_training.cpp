#include "models/text/bpe_training.h"

#include <optional>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>

namespace oar {
namespace {

struct Word {
  std::vector<int32_t> tokens;
  int64_t count = 0;  // in all captions
};

struct Pair {
  int64_t count = 0;          // of its positions in all captions
  std::vector<size_t> words;  // that have it, or had it once
};

struct Candidate {
  int64_t count;  // at least that of the pair
  BpeMerge pair;

  // What is less comes later: rarer pairs, and of equals those of higher ids.
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class PairCounts {
 public:
  explicit PairCounts(const std::unordered_map<std::string, int64_t>& word_counts) {
    for (const auto& [text, count] : word_counts) {
      Word& word = words_.emplace_back(Word{{}, count});
      for (const char byte : text) word.tokens.push_back(static_cast<unsigned char>(byte));
      for (size_t i = 1; i < word.tokens.size(); ++i) {
        count_in({word.tokens[i - 1], word.tokens[i]}, words_.size() - 1);
      }
    }
    for (const auto& entry : pairs_) consider(entry.first);
  }

  /// The most frequent pair, if it occurs twice.
  std::optional<BpeMerge> best() {
    while (!candidates_.empty()) {
      const Candidate top = candidates_.top();
      if (pairs_[top.pair].count == top.count) return top.pair;
      candidates_.pop();  // it has become rarer
      consider(top.pair);
    }
    return std::nullopt;
  }

  void merge(BpeMerge pair, int32_t made) {
    std::set<BpeMerge> grown;  // only pairs with the new token can: what stays apart was so before
    const std::vector<size_t> words = std::exchange(pairs_[pair].words, {});
    for (const size_t index : words) {
      Word& word = words_[index];
      const std::vector<int32_t> before = word.tokens;
      if (!merge_in(word.tokens, pair, made)) continue;
      for (size_t i = 1; i < before.size(); ++i) {
        pairs_[{before[i - 1], before[i]}].count -= word.count;
      }
      for (size_t i = 1; i < word.tokens.size(); ++i) {
        const BpeMerge now{word.tokens[i - 1], word.tokens[i]};
        if (now.left != made && now.right != made) {
          pairs_[now].count += word.count;
        } else {
          count_in(now, index);
          grown.insert(now);
        }
      }
    }
    for (const BpeMerge now : grown) consider(now);
  }

 private:
  void count_in(BpeMerge found, size_t index) {
    Pair& pair = pairs_[found];
    pair.count += words_[index].count;
    if (pair.words.empty() || pair.words.back() != index) pair.words.push_back(index);
  }

  void consider(BpeMerge pair) {
    const int64_t count = pairs_[pair].count;
    if (count >= 2) candidates_.push({count, pair});
  }

  std::vector<Word> words_;
  std::unordered_map<BpeMerge, Pair, BpeMergeHash> pairs_;
  std::priority_queue<Candidate> candidates_;  // every pair that occurs twice, some more than once
};

}  // namespace

bool merge_in(std::vector<int32_t>& tokens, BpeMerge merge, int32_t made) {
  size_t kept = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool found =
        i + 1 < tokens.size() && tokens[i] == merge.left && tokens[i + 1] == merge.right;
    tokens[kept++] = found ? made : tokens[i];
    if (found) ++i;
  }
  const bool any = kept < tokens.size();
  tokens.resize(kept);
  return any;
}

std::vector<BpeMerge> learn_merges(const std::unordered_map<std::string, int64_t>& word_counts,
                                   int64_t most) {
  PairCounts counts(word_counts);
  std::vector<BpeMerge> merges;
  while (static_cast<int64_t>(merges.size()) < most) {
    const std::optional<BpeMerge> best = counts.best();
    if (!best) break;
    counts.merge(*best, static_cast<int32_t>(kByteTokens + static_cast<int64_t>(merges.size())));
    merges.push_back(*best);
  }
  return merges;
}

}  // namespace oar
