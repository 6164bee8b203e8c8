#include "datasets/caption_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<std::string> kColumns = {"id", "baseColour", "articleType"};

std::string caption(const std::string& text, const std::vector<std::string>& row) {
  return CaptionTemplate(text, kColumns, "styles.csv").fill(row);
}

template <typename Error>
std::string refusal(const std::string& text) {
  return message_of<Error>([&] { CaptionTemplate(text, kColumns, "styles.csv"); });
}

TEST(CaptionTemplate, IsTheNameOfAColumnWhereItHasNoBrace) {
  EXPECT_EQ(caption("articleType", {"7", "Blue", "Skirts"}), "Skirts");
}

TEST(CaptionTemplate, PutsColumnsIntoBraces) {
  EXPECT_EQ(caption("{baseColour} {articleType}", {"7", "Blue", "Skirts"}), "Blue Skirts");
  EXPECT_EQ(caption("a photo of {articleType}, {baseColour}", {"7", "Blue", "Skirts"}),
            "a photo of Skirts, Blue");
}

TEST(CaptionTemplate, ABraceWrittenTwiceIsABrace) {
  EXPECT_EQ(caption("{{{id}}} {{}}", {"7", "", ""}), "{7} {}");
  EXPECT_EQ(caption("{{id}}", {"7", "", ""}), "");  // a text without columns says nothing of a row
}

TEST(CaptionTemplate, MissingValuesLeaveNoDoubleBlanks) {
  EXPECT_EQ(caption("{id} {baseColour} {articleType}", {"7", "", "Skirts"}), "7 Skirts");
  EXPECT_EQ(caption("{baseColour} {articleType}", {"7", "", "Skirts"}), "Skirts");
  EXPECT_EQ(caption("{articleType} {baseColour}", {"7", "", "Skirts"}), "Skirts");
}

TEST(CaptionTemplate, WhereNoColumnHasAValueTheCaptionIsEmpty) {
  EXPECT_EQ(caption("a photo of {baseColour}", {"7", "", "Skirts"}), "");
}

TEST(CaptionTemplate, AnUnknownColumnIsRefusedWithTheNearest) {
  EXPECT_THAT(refusal<BadData>("{baseColor} {articleType}"),
              AllOf(HasSubstr("caption: \"styles.csv\" has no column \"baseColor\""),
                    HasSubstr("known: id, baseColour, articleType"),
                    HasSubstr("did you mean \"baseColour\"?")));
  EXPECT_THAT(refusal<BadData>("colour"), HasSubstr("has no column \"colour\""));
}

TEST(CaptionTemplate, ABraceWithoutPartnerIsRefusedWithItsPlace) {
  EXPECT_THAT(refusal<std::invalid_argument>("a {id"),
              HasSubstr("caption: \"a {id\", character 3: the brace is never closed"));
  EXPECT_THAT(refusal<std::invalid_argument>("{id{baseColour}"),
              HasSubstr("character 1: the brace is never closed"));
  EXPECT_THAT(refusal<std::invalid_argument>("{id} }"),
              HasSubstr("character 6: a closing brace without an opening one"));
  EXPECT_THAT(refusal<std::invalid_argument>("{}"),
              HasSubstr("character 1: there is no column in the braces"));
}

TEST(SingleSpaced, JoinsBlanksAndLineEnds) {
  EXPECT_EQ(single_spaced(" a\t b\r\n\nc "), "a b c");
  EXPECT_EQ(single_spaced(" \n"), "");
}

}  // namespace
}  // namespace oar
