#include "datasets/utf8.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

TEST(AsUtf8, ValidTextStaysAsItIs) {
  EXPECT_EQ(as_utf8("plain, Zoë, 東京, 🌅"), "plain, Zoë, 東京, 🌅");
}

TEST(AsUtf8, EveryByteThatIsNoUtf8IsReplaced) {
  EXPECT_EQ(as_utf8("caf\xE9 x"), "caf\uFFFD x");            // Latin-1
  EXPECT_EQ(as_utf8("\xC0\xAF"), "\uFFFD\uFFFD");            // overlong '/'
  EXPECT_EQ(as_utf8("\xE0\x80\xAF"), "\uFFFD\uFFFD\uFFFD");  // overlong, three bytes
  EXPECT_EQ(as_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // surrogate
  EXPECT_EQ(as_utf8("\xF4\x90\x80\x80").size(), 12u);        // above U+10FFFF: four times U+FFFD
  EXPECT_EQ(as_utf8("\xE6\x9D"), "\uFFFD\uFFFD");            // cut off
}

TEST(Quoted, APathInQuotesThatAMessageCanHold) {
  EXPECT_EQ(quoted("a b/c"), "\"a b/c\"");
  EXPECT_EQ(quoted("caf\xE9"), "\"caf\uFFFD\"");
}

}  // namespace
}  // namespace oar
