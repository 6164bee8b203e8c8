#include "reports/comparison/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reports/comparison/compared_results.h"

namespace oar {
namespace {

using example::fid_results;
using example::json;
using example::regression_gate;
using example::with_gates;
using ::testing::HasSubstr;
using ::testing::Not;

const json kBase = fid_results({{"oar", {30.0, 31.0, 29.5}}, {"random", {40.0, 41.0, 39.5}}});
const json kNow = fid_results({{"oar", {35.0, 36.1, 34.5}}, {"random", {44.0, 38.0, 39.0}}});

TEST(ComparisonText, ShowsTheWorstFirstAndSaysHowItWasTested) {
  const std::string text = comparison_text(compare_results(kBase, kNow, {}));
  EXPECT_EQ(text, R"(base  quickstart, commit 0123abcd, 2026-01-01T00:00:00Z
new   quickstart, commit 0123abcd, 2026-01-01T00:00:00Z

row     metric                     n   base    new  change [95% interval]       p  verdict
------  -------------------------  -  -----  -----  ---------------------  ------  ----------------------------------------------------------
oar     FID[efficientnet_lite0] ↓  3  30.17  35.20      5.03 [4.89, 5.18]  <0.001  worse
random  FID[efficientnet_lite0] ↓  3  40.17  40.33    0.167 [-8.65, 8.98]    0.94  cannot be decided: these 3 pairs could show a change of 16

2 paired t-tests over seeds, two-sided; p is Holm's over all of them, so that with no change at all one is
called better, worse or different with probability 5% at most. The t-test takes differences for normal and has no
smallest p; without that assumption no p of 3 pairs is below 0.25. "Could show" is at 80% power.
)");
}

TEST(ComparisonJson, HoldsEveryPairAndEveryP) {
  const json value = comparison_json(compare_results(kBase, kNow, {}));
  EXPECT_EQ(value["correction"], "Holm");
  EXPECT_EQ(value["tests"], 2);
  const json& oar = value["metrics"][0];
  EXPECT_EQ(oar["verdict"], "worse");
  EXPECT_EQ(oar["pairs"][1], (json{{"base", 31.0}, {"new", 36.1}, {"same_computation", false}}));
  EXPECT_LT(oar["p_holm"], 0.05);
  EXPECT_GT(oar["smallest_change"], 0.0);
}

GateReport gated(const json& base = kBase, const json& now = kNow) {
  return check_gates(with_gates(now, {regression_gate(0.03, true)}), &base, 0.05);
}

TEST(GateText, EndsWithTheVerdict) {
  const std::string text = gate_text(gated());
  EXPECT_THAT(text, HasSubstr("at most 3% worse than the baseline"));
  EXPECT_THAT(text, HasSubstr("\ngate: regression\n"));
}

TEST(GateJunit, CountsRegressionsAsFailuresAndTheUndecidedAsErrors) {
  const std::string xml = gate_junit(gated());
  EXPECT_THAT(xml, HasSubstr("tests=\"2\" failures=\"1\" errors=\"1\""));
  EXPECT_THAT(xml,
              HasSubstr("<testcase classname=\"gate.oar\" name=\"FID[efficientnet_lite0] ↓, at "
                        "most 3% worse than the baseline\">"));
  EXPECT_THAT(xml, HasSubstr("<failure type=\"regression\" message=\"baseline 30.17, now 35.20"));
  EXPECT_THAT(xml, HasSubstr("<error type=\"cannot be decided\""));
}

TEST(GateGithub, AnnotatesWhatDidNotPass) {
  const std::string lines = gate_github(gated());
  EXPECT_THAT(lines,
              HasSubstr("::error title=oar%3A FID[efficientnet_lite0] ↓%2C at most 3%25 worse "
                        "than the baseline::baseline 30.17, now 35.20"));
  EXPECT_THAT(lines, HasSubstr("::warning title=random%3A "));
  EXPECT_EQ(gate_github(gated(kBase, kBase)), "");  // all pass: nothing to say
}

TEST(GateMarkdown, IsATableWithItsVerdictAbove) {
  const std::string markdown = gate_markdown(gated());
  EXPECT_THAT(markdown,
              HasSubstr("### Gate: regression\n\n0 pass, 1 regression, 1 cannot be decided"));
  EXPECT_THAT(markdown, HasSubstr("| oar | FID[efficientnet_lite0] ↓ | at most 3% worse"));
}

// ---------------------------------------------------------------- names that users wrote

json hostile(const json& results) {
  json named = results;
  for (json& cell : named["cells"]) {
    cell["labels"]["recipe"] = std::string("<b>&\"'|\x1b[31m\n::error::x,y%") +
                               cell["labels"]["recipe"].get<std::string>();
  }
  return named;
}

TEST(HostileNames, StayInTheirPlaceInEveryFormat) {
  const GateReport report = gated(hostile(kBase), hostile(kNow));
  const std::string xml = gate_junit(report);
  EXPECT_THAT(xml, HasSubstr("&lt;b&gt;&amp;&quot;&apos;|"));
  EXPECT_THAT(xml, Not(HasSubstr("<b>")));
  const std::string lines = gate_github(report);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_THAT(lines, HasSubstr("title=<b>&\"'| [31m %3A%3Aerror%3A%3Ax%2Cy%25oar%3A "));
  EXPECT_THAT(gate_markdown(report), HasSubstr("&lt;b&gt;&amp;\"'\\|"));
  for (const std::string& text :
       {xml, lines, gate_text(report), gate_markdown(report),
        comparison_text(compare_results(hostile(kBase), hostile(kNow), {}))}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
  }
}

TEST(EscapeGithub, IsThatOfTheActionsToolkit) {  // its command.ts: escapeData, escapeProperty
  EXPECT_EQ(escape_github("50% a\r\nb:c,d", false), "50%25 a%0D%0Ab:c,d");
  EXPECT_EQ(escape_github("50% a\r\nb:c,d", true), "50%25 a%0D%0Ab%3Ac%2Cd");
}

TEST(EscapeXml, LeavesNothingThatXmlForbids) {
  EXPECT_EQ(escape_xml("a\x01<\xEF\xBF\xBE>&"), "a &lt;?&gt;&amp;");
}

}  // namespace
}  // namespace oar
