#include "reports/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace oar::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(FormatNumber, ShowsFourSignificantDigits) {
  EXPECT_EQ(format_number(12.8449), "12.84");
  EXPECT_EQ(format_number(0.0456), "0.04560");
  EXPECT_EQ(format_number(352.04), "352.0");
  EXPECT_EQ(format_number(-1.5), "-1.500");
  EXPECT_EQ(format_number(80000), "80000");
}

TEST(FormatNumber, TurnsToExponentsOnlyFarFromOne) {
  EXPECT_EQ(format_number(0.0000321), "3.210e-05");
  EXPECT_EQ(format_number(12345678), "1.235e+07");
  EXPECT_EQ(format_number(0), "0");
}

TEST(FormatNumber, NeverShowsANumberForWhatIsNone) {
  EXPECT_EQ(format_number(kNan), "not finite");
  EXPECT_EQ(format_number(std::numeric_limits<double>::infinity()), "not finite");
}

TEST(SpreadOf, DividesByOneLessThanTheCount) {
  const Spread spread = spread_of({1, 2, 3});  // squares about 2: 1 + 0 + 1, over n - 1 = 2
  EXPECT_EQ(spread.n, 3);
  EXPECT_DOUBLE_EQ(spread.mean, 2);
  EXPECT_DOUBLE_EQ(spread.stddev, 1);
}

TEST(SpreadOf, LeavesOutAndCountsWhatIsNotFinite) {
  const Spread spread = spread_of({4, kNan, 6});
  EXPECT_EQ(spread.n, 2);
  EXPECT_EQ(spread.not_finite, 1);
  EXPECT_DOUBLE_EQ(spread.mean, 5);
}

TEST(FormatSpread, GivesTheMeanAsManyDecimalsAsTheSpreadNeeds) {
  EXPECT_EQ(format_spread({3, 0, 12.8449, 0, 0.3071}), "12.84 ± 0.31");
  EXPECT_EQ(format_spread({3, 0, 352.04, 0, 21.3}), "352 ± 21");
  EXPECT_EQ(format_spread({3, 0, -0.00001, 0, 0.0012}), "0.0000 ± 0.0012");
  EXPECT_EQ(format_spread({3, 0, 1.667, 0, 0}), "1.667 ± 0");
  EXPECT_EQ(format_spread({3, 0, 1.667, 0, 1e-9}), "1.66700 ± <0.00001");
}

TEST(FormatSpread, HasNoSpreadForOneValue) {
  EXPECT_EQ(format_spread({1, 0, 12.8449, 0}), "12.84");
}

TEST(FormatSpread, TellsNothingFromNotFinite) {
  EXPECT_EQ(format_spread({}), "–");
  EXPECT_EQ(format_spread(spread_of({kNan, kNan})), "not finite");
  EXPECT_EQ(format_spread(spread_of({1, 3, kNan})), "2 ± 13 (1 not finite)");
}

TEST(EscapeMarkdown, KeepsATableARow) {
  EXPECT_EQ(escape_markdown("a|b\nc\r\n\td"), R"(a\|b c d)");
  EXPECT_EQ(escape_markdown(R"(a\|b)"), R"(a\\\|b)");
}

TEST(EscapeMarkdown, MakesHtmlCodeEmphasisLinksAndFormulasHarmless) {
  EXPECT_EQ(escape_markdown("<b>&lt;</b>"), "&lt;b&gt;&amp;lt;&lt;/b&gt;");
  EXPECT_EQ(escape_markdown("`x` *y* _z_ ~w~ $v$"), R"(\`x\` \*y\* \_z\_ \~w\~ \$v\$)");
  EXPECT_EQ(escape_markdown("[click](/x)"), R"([click\](/x))");
  EXPECT_EQ(escape_markdown("see https://x.y www.x.y"), "see https&#58;//x.y www&#46;x.y");
}

TEST(EscapeMarkdown, LeavesOurOwnNamesReadable) {
  EXPECT_EQ(escape_markdown("oar_finetuned"), "oar_finetuned");
  EXPECT_EQ(escape_markdown("FID[efficientnet_lite0] ↓"), "FID[efficientnet_lite0] ↓");
}

TEST(OneLine, ReplacesControlCharactersAndBytesThatAreNotUtf8) {
  EXPECT_EQ(one_line("\x1b[31mred\x07 λ"), "[31mred λ");
  EXPECT_EQ(one_line("a\xff\xc3"), "a??");
  EXPECT_EQ(one_line("left\xe2\x80\xaeright"),
            "left right");  // U+202E turns the text that follows round
}

TEST(Shorten, CutsBetweenCharacters) {
  EXPECT_EQ(shorten("λλλ", 2), "λλ…");
  EXPECT_EQ(shorten("λλ", 2), "λλ");
}

TEST(WidthOf, CountsCharactersAndNotBytes) { EXPECT_EQ(width_of("1 ± 2 ↓"), 7u); }

}  // namespace
}  // namespace oar::report
