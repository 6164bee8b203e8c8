#include "models/text/caption_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "tests/models/text/drawn_captions.h"

namespace oar {
namespace {

using ::testing::ElementsAre;

TEST(CaptionTokens, ArePaddedAndCutToOneLengthAndCounted) {
  const CaptionTokens tokens =
      encode_captions(BpeVocabulary(), {"AB", "", "abcd", " \t", "abc"}, 3);
  EXPECT_THAT(tokens.ids, ElementsAre('a', 'b', -1,   //
                                      -1, -1, -1,     //
                                      'a', 'b', 'c',  // cut
                                      -1, -1, -1,     //
                                      'a', 'b', 'c'));
  EXPECT_EQ(tokens.length, 3);
  EXPECT_EQ(tokens.cut, 1);
  EXPECT_EQ(tokens.empty, 2);
}

TEST(CaptionTokens, AreTheBeginningOfWhatTheVocabularyEncodes) {
  std::vector<std::string> captions;
  for (uint32_t i = 0; i < 300; ++i) captions.push_back(golden::drawn_caption(i));
  const BpeVocabulary vocabulary = BpeVocabulary::train(captions, 500);
  const CaptionTokens tokens = encode_captions(vocabulary, captions, 8);
  std::vector<int32_t> expected;
  int64_t cut = 0, empty = 0;
  for (const std::string& caption : captions) {
    std::vector<int64_t> ids = vocabulary.encode(caption);
    cut += ids.size() > 8;
    empty += ids.empty();
    ids.resize(8, -1);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(tokens.ids, expected);
  EXPECT_EQ(tokens.cut, cut);
  EXPECT_EQ(tokens.empty, empty);
  EXPECT_GT(cut, 0);
  EXPECT_GT(empty, 0);
}

TEST(CaptionTokens, OfNoCaptionsAreNone) {
  EXPECT_TRUE(encode_captions(BpeVocabulary(), {}, 4).ids.empty());
}

TEST(CaptionTokens, NeedRoomForOne) {
  EXPECT_THROW(encode_captions(BpeVocabulary(), {"a"}, 0), std::invalid_argument);
}

}  // namespace
}  // namespace oar
