#include "models/text/bpe_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "models/text/caption_words.h"
#include "tests/models/text/drawn_captions.h"

namespace oar {

void PrintTo(const BpeMerge& merge, std::ostream* stream) {
  *stream << '(' << merge.left << ", " << merge.right << ')';
}

namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> drawn_captions(uint32_t first, uint32_t count) {
  std::vector<std::string> captions;
  for (uint32_t i = 0; i < count; ++i) captions.push_back(golden::drawn_caption(first + i));
  return captions;
}

// ---- Training ----

// The words of arXiv 1508.07909: low 5 times, lower 2, newest 6, widest 3. At first es and st occur
// 9 times, we 8, lo and ow 7.
TEST(BpeTraining, MergesTheMostFrequentPairAndOfEqualsTheLowest) {
  std::vector<std::string> captions(5, "low");
  captions.insert(captions.end(), 2, "lower");
  captions.insert(captions.end(), 6, "newest");
  captions.insert(captions.end(), 3, "widest");
  EXPECT_THAT(BpeVocabulary::train(captions, 262).merges(),
              ElementsAre(BpeMerge{'e', 's'},    // 256 es: 9, as often as (s, t)
                          BpeMerge{256, 't'},    // 257 est: 9
                          BpeMerge{'l', 'o'},    // 258 lo: 7, as often as (o, w)
                          BpeMerge{258, 'w'},    // 259 low: 7
                          BpeMerge{'e', 'w'},    // 260 ew: 6, as often as (n, e) and (w, est)
                          BpeMerge{'n', 260}));  // 261 new: 6, as often as (ew, est)
}

TEST(BpeTraining, CountsEveryPositionOfARun) {  // "aaaa": (a, a) three times, then aa aa once
  EXPECT_THAT(BpeVocabulary::train({"aaaa"}, 1000).merges(), ElementsAre(BpeMerge{'a', 'a'}));
  EXPECT_THAT(BpeVocabulary::train({"aaa"}, 1000).merges(), ElementsAre(BpeMerge{'a', 'a'}));
  EXPECT_THAT(BpeVocabulary::train({"aa"}, 1000).merges(), IsEmpty());
}

TEST(BpeTraining, NeverMergesAcrossWords) {
  EXPECT_THAT(BpeVocabulary::train({"a-1 b", "a-1 b", "a-1 b"}, 1000).merges(),
              ElementsAre(BpeMerge{' ', 'b'}));
}

TEST(BpeTraining, SeesCaptionsNormalised) {
  EXPECT_EQ(BpeVocabulary::train({" Red\tSun", "RED  SUN"}, 1000),
            BpeVocabulary::train({"red sun", "red sun"}, 1000));
}

TEST(BpeTraining, StopsAtTheSizeOrWhereNothingOccursTwice) {
  const std::vector<std::string> captions(2, "golden");
  EXPECT_EQ(BpeVocabulary::train(captions, 258).size(), 258);
  EXPECT_EQ(BpeVocabulary::train(captions, kMaxVocabulary).size(), 256 + 5);  // golden: 5 merges
  EXPECT_EQ(BpeVocabulary::train({"golden"}, 1000), BpeVocabulary());
  EXPECT_EQ(BpeVocabulary::train({}, 1000), BpeVocabulary());
}

TEST(BpeTraining, DoesNotDependOnTheOrderOfCaptions) {
  std::vector<std::string> captions = drawn_captions(0, 300);
  const BpeVocabulary vocabulary = BpeVocabulary::train(captions, 700);
  std::shuffle(captions.begin(), captions.end(), std::mt19937(5));
  EXPECT_EQ(BpeVocabulary::train(captions, 700), vocabulary);
}

TEST(BpeTraining, ASmallerVocabularyIsTheBeginningOfALargerOne) {
  const std::vector<std::string> captions = drawn_captions(0, 300);
  std::vector<BpeMerge> merges = BpeVocabulary::train(captions, 700).merges();
  ASSERT_THAT(merges, SizeIs(700 - 256));
  merges.resize(400 - 256);
  EXPECT_EQ(BpeVocabulary::train(captions, 400).merges(), merges);
}

TEST(BpeTraining, RefusesSizesBelowTheBytesOrAboveTheLimit) {
  EXPECT_EQ(BpeVocabulary::train({"aaaa"}, 256), BpeVocabulary());
  EXPECT_THROW(BpeVocabulary::train({"a"}, 255), std::invalid_argument);
  EXPECT_THROW(BpeVocabulary::train({"a"}, 65'537), std::invalid_argument);
}

// Merges and tokens of a slow separate statement in Python, which agrees with `tokenizers`.
TEST(BpeGolden, MergesAndTokensAreThoseOfAnotherImplementation) {
  const json cases = json::parse(std::ifstream(OAR_SOURCE_DIR "/tests/golden/bpe.json"));
  ASSERT_THAT(cases, SizeIs(2));
  for (const json& item : cases) {
    const BpeVocabulary vocabulary =
        BpeVocabulary::train(drawn_captions(0, item["captions"]), item["size"]);
    ASSERT_EQ(vocabulary.to_json()["merges"], item["merges"]);
    uint32_t number = item["first_held_out"];
    for (const json& tokens : item["tokens"]) {
      const std::string caption = golden::drawn_caption(number++);
      EXPECT_EQ(vocabulary.encode(caption), tokens.get<std::vector<int64_t>>()) << caption;
    }
  }
}

// ---- Encoding and decoding ----

TEST(BpeVocabulary, WithoutMergesIsTheBytes) {
  EXPECT_EQ(BpeVocabulary().size(), 256);
  EXPECT_THAT(BpeVocabulary().encode("Ab \xFF"), ElementsAre('a', 'b', ' ', 255));
  EXPECT_THAT(BpeVocabulary().encode(""), IsEmpty());
  EXPECT_THAT(BpeVocabulary().encode(" \t "), IsEmpty());
  EXPECT_EQ(BpeVocabulary().decode({}), "");
}

TEST(BpeVocabulary, AppliesTheMergeLearnedFirst) {  // "abc" is a bc, not ab c
  const BpeVocabulary vocabulary = BpeVocabulary::train({"bc", "bc", "bc", "ab", "ab"}, 1000);
  ASSERT_THAT(vocabulary.merges(), ElementsAre(BpeMerge{'b', 'c'}, BpeMerge{'a', 'b'}));
  EXPECT_THAT(vocabulary.encode("abc"), ElementsAre('a', 256));
  EXPECT_THAT(vocabulary.encode("abab"), ElementsAre(257, 257));
}

TEST(BpeVocabulary, DecodesToTheNormalisedCaptionWhateverItsBytes) {
  const BpeVocabulary vocabulary = BpeVocabulary::train(drawn_captions(0, 300), 700);
  for (uint32_t number = 0; number < 300; ++number) {
    for (const std::string& text :
         {golden::drawn_bytes(number, number), golden::drawn_caption(5000 + number)}) {
      EXPECT_EQ(vocabulary.decode(vocabulary.encode(text)), normalised_caption(text));
    }
  }
}

TEST(BpeVocabulary, SpeaksOfCaptionsLikeThoseLearnedInFewerTokensThanBytes) {
  const std::vector<std::string> captions(2, "a golden sunset");
  EXPECT_THAT(BpeVocabulary::train(captions, 1000).encode("A golden SUNSET"), SizeIs(3));
}

TEST(BpeVocabulary, RefusesIdsItDoesNotHave) {
  const std::vector<int64_t> below{'a', -1}, above{256};
  EXPECT_THROW(BpeVocabulary().decode(below), std::invalid_argument);
  EXPECT_THROW(BpeVocabulary().decode(above), std::invalid_argument);
}

// ---- In the store ----

std::string refusal(const json& value) {
  try {
    BpeVocabulary::from_json(value);
  } catch (const BadVocabulary& error) {
    return error.what();
  }
  return "accepted";
}

json with_merges(json merges) {
  return {{"kind", "byte_pairs"}, {"version", 1}, {"merges", std::move(merges)}};
}

TEST(BpeVocabularyJson, ReadsWhatItWrote) {
  const BpeVocabulary vocabulary = BpeVocabulary::train(drawn_captions(0, 300), 700);
  EXPECT_EQ(BpeVocabulary::from_json(json::parse(vocabulary.to_json().dump())), vocabulary);
  EXPECT_EQ(BpeVocabulary::from_json(BpeVocabulary().to_json()), BpeVocabulary());
  EXPECT_EQ(BpeVocabulary::train({"ab", "ab"}, 300).to_json().dump(),
            R"({"kind":"byte_pairs","merges":[[97,98]],"version":1})");
}

TEST(BpeVocabularyJson, MergesMustBePairsOfTokensMadeBefore) {
  EXPECT_EQ(refusal(with_merges({{97, 98}, {256, 256}})), "accepted");
  EXPECT_EQ(refusal(with_merges({{97, 98}, {257, 97}})),
            "vocabulary: merges[1] must be of tokens 0 to 256, got 257; "
            "train it again from the captions");
  for (const char* token : {"-1", "256", "1.0", "1e2", "18446744073709551615", "1e999",
                            "9223372036854775808", "\"97\"", "null", "true", "[97]", "{}"}) {
    const json value = json::parse(token, nullptr, false);
    EXPECT_THAT(refusal(with_merges(json::array({json::array({97, value})}))),
                HasSubstr("merges[0] must be"))
        << token;
    EXPECT_THAT(refusal(with_merges(json::array({json::array({value, 97})}))),
                HasSubstr("merges[0] must be"))
        << token;
  }
  for (const char* pair :
       {"[]", "[97]", "[97,98,99]", "97", "null", "\"ab\"", "{\"0\":97,\"1\":98}"}) {
    EXPECT_THAT(refusal(with_merges(json::array({json::parse(pair)}))),
                HasSubstr("merges[0] must be two tokens"))
        << pair;
  }
}

TEST(BpeVocabularyJson, NoMergeMayBeThereTwice) {
  EXPECT_THAT(refusal(with_merges({{97, 98}, {98, 97}, {97, 98}})),
              HasSubstr("merges[2] is there before"));
}

TEST(BpeVocabularyJson, NoTokenMayBeLongerThanAWord) {  // doubled 6 times: 64 bytes
  json merges = json::array({{'a', 'a'}});
  for (int token = 256; token < 261; ++token) merges.push_back({token, token});
  EXPECT_EQ(refusal(with_merges(merges)), "accepted");
  merges.push_back({261, 'a'});
  EXPECT_THAT(refusal(with_merges(merges)), HasSubstr("makes a token of 65 bytes"));
}

TEST(BpeVocabularyJson, ThereIsALimitToItsSize) {
  json merges = json::array();
  for (int64_t i = 0; i < kMaxVocabulary - kByteTokens; ++i) {
    merges.push_back({i / 256, i % 256});
  }
  EXPECT_EQ(refusal(with_merges(merges)), "accepted");
  merges.push_back({255, 255});
  EXPECT_THAT(refusal(with_merges(merges)), HasSubstr("at most 65280 merges"));
}

TEST(BpeVocabularyJson, HasThreeMembersOfOneKindAndVersion) {
  EXPECT_THAT(refusal(json()), HasSubstr("must be an object"));
  EXPECT_THAT(refusal(json::array()), HasSubstr("must be an object"));
  for (const char* name : {"kind", "version", "merges"}) {
    json without = BpeVocabulary().to_json();
    without.erase(name);
    EXPECT_THAT(refusal(without), HasSubstr("must have kind, merges and version"));
    json other = BpeVocabulary().to_json();
    other[name] = 1.0;
    EXPECT_THAT(refusal(other), HasSubstr(std::string(name) + " must be"));
  }
  json more = BpeVocabulary().to_json();
  more["size"] = 256;
  EXPECT_THAT(refusal(more), HasSubstr("unknown member"));
}

// Any byte of the text changed: either no JSON, or refused by name, or another whole vocabulary.
TEST(BpeVocabularyJson, DamagedTextIsRefusedOrAVocabularyThatStillHolds) {
  const std::string text = BpeVocabulary::train(drawn_captions(0, 40), 290).to_json().dump();
  int refused = 0;
  for (uint32_t i = 0; i < 4'000; ++i) {
    std::string damaged = text;
    damaged[golden::drawn(1, i) % text.size()] = "0123456789,[]{}\"-.e "[golden::drawn(2, i) % 20];
    const json value = json::parse(damaged, nullptr, false);
    try {
      const BpeVocabulary vocabulary = BpeVocabulary::from_json(value);
      EXPECT_EQ(vocabulary.decode(vocabulary.encode("sunset")), "sunset");
      EXPECT_EQ(BpeVocabulary::from_json(vocabulary.to_json()), vocabulary);
    } catch (const BadVocabulary&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 4'000);
}

}  // namespace
}  // namespace oar
