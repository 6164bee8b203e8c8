#include "harness/store/terminal_text.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

TEST(OneLine, EscapesWhatSteersATerminal) {
  EXPECT_EQ(one_line("plain \u03bb \\ text"), "plain \u03bb \\ text");
  EXPECT_EQ(one_line("two\nlines\tand\r"), "two\\nlines\\tand\\x0d");
  EXPECT_EQ(one_line("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(one_line("\u009b2J\u00a0"), "\\x9b2J\u00a0");  // the C1 form of ESC [ ; a space stays
  EXPECT_EQ(one_line(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(one_line("\xff"), "\ufffd");
}

TEST(Fit, CutsBetweenCharacters) {
  EXPECT_EQ(fit("\u03bb\u03bb\u03bb", 2), "\u03bb\u03bb");
  EXPECT_EQ(fit("\u03bb\u03bb\u03bb", 3), "\u03bb\u03bb\u03bb");
  EXPECT_EQ(fit("abc", 0), "");
}

TEST(ColumnsOf, CountsCharacters) {
  EXPECT_EQ(columns_of(""), 0);
  EXPECT_EQ(columns_of("a\u03bb\u2713"), 3);
}

}  // namespace
}  // namespace oar
