#include "models/text/caption_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/models/text/drawn_captions.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NormalisedCaption, IsInLowerCaseWithSingleSpacesAndNoneAtTheEnds) {
  EXPECT_EQ(normalised_caption(" \tA  Golden\r\n\v\fSUNSET "), "a golden sunset");
  EXPECT_EQ(normalised_caption(" \n "), "");
  EXPECT_EQ(normalised_caption(""), "");
}

TEST(NormalisedCaption, LeavesEveryOtherByteAsItIs) {  // É stays É, and 0xFF is no UTF-8
  const std::string odd("\xC3\x89t\xC3\xA9 \xFF \x01 \x7F@[`{\0!", 18);
  EXPECT_EQ(normalised_caption(odd), odd);
}

TEST(NormalisedCaption, IsNotChangedByNormalisingAgain) {
  for (uint32_t stream = 0; stream < 200; ++stream) {
    const std::string once = normalised_caption(golden::drawn_bytes(stream, stream));
    EXPECT_EQ(normalised_caption(once), once);
  }
}

TEST(CaptionWords, AreRunsOfLettersDigitsOrOthersEachWithTheSpaceBeforeIt) {
  EXPECT_THAT(
      caption_words("a t-shirt, size 42xl -- \xC3\xA9t\xC3\xA9"),
      ElementsAre("a", " t", "-", "shirt", ",", " size", " 42", "xl", " --", " \xC3\xA9t\xC3\xA9"));
  EXPECT_THAT(caption_words("men's"), ElementsAre("men", "'", "s"));
  EXPECT_THAT(caption_words(""), IsEmpty());
}

TEST(CaptionWords, AreCutAtSixtyFourBytesTheSpaceIncluded) {
  const std::string run(130, 'a');
  EXPECT_THAT(caption_words("1 " + run),
              ElementsAre("1", " " + run.substr(0, 63), run.substr(0, 64), run.substr(0, 3)));
}

TEST(CaptionWords, TogetherAreTheTextWhateverItIs) {
  for (uint32_t stream = 0; stream < 200; ++stream) {
    const std::string text = golden::drawn_bytes(stream, stream) + "  a \t ";
    std::string together;
    for (const std::string_view word : caption_words(text)) {
      EXPECT_LE(word.size(), kMaxWordBytes);
      EXPECT_FALSE(word.empty());
      together += word;
    }
    EXPECT_EQ(together, text);
  }
}

}  // namespace
}  // namespace oar
