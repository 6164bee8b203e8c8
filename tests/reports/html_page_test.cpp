#include "reports/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/html_text.h"
#include "reports/report.h"
#include "tests/reports/example_results.h"

namespace oar::report {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlOfLine, IsAlwaysOneLineOfText) {
  EXPECT_EQ(html_of_line("**a** and *b*"), "<strong>a</strong> and <em>b</em>");
  EXPECT_EQ(html_of_line("1. first"), "1. first");
  EXPECT_EQ(html_of_line("# no heading"), "# no heading");
  EXPECT_EQ(html_of_line(escape_markdown("a | b")), "a | b");
  EXPECT_EQ(html_of_line(""), "");
}

TEST(HtmlOfLine, ShowsWhatUsersWroteAsTheyWroteIt) {
  for (const std::string text : {"<script>alert(1)</script>", "&amp; `x` *y* [z](http://e.org)",
                                 "a_b $c$ ~~d~~", "\\| | \\", "'\"'"}) {
    EXPECT_EQ(plain_of(html_of_line(escape_markdown(text))), text);
    EXPECT_THAT(html_of_line(escape_markdown(text)), Not(HasSubstr("<script")));
    EXPECT_THAT(html_of_line(escape_markdown(text)), Not(HasSubstr("<a ")));
  }
}

TEST(DataUri, IsBase64) {
  EXPECT_EQ(data_uri("image/png", "foob"), "data:image/png;base64,Zm9vYg==");  // RFC 4648, 10
}

std::string page_of(const json& results) {
  return to_html(document_of(results), "quickstart", {}, "absent", "");
}

TEST(ReportPage, LinksEachNumberToItsRecords) {
  const std::string page = page_of(example::results({example::cell("raster", 0, {example::fid(40)}),
                                                     example::cell("oar", 0, {example::fid(50)})}));
  EXPECT_THAT(page, HasSubstr("<td data-v=\"50\"><a href=\"#record-1\">50.00</a></td>"));
  EXPECT_THAT(page, HasSubstr("<details id=\"record-1\"><summary>oar</summary>"));
  EXPECT_THAT(page, HasSubstr("/cells/1/metrics/0"));
}

TEST(ReportPage, KeepsWhatUsersWroteApartFromItsOwnText) {
  json cell = example::cell("<script>alert(1)</script>", 0, {example::fid(40)});
  const std::string page = page_of(example::results({cell}));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST(ReportPage, SaysWhyThereAreNoPictures) {
  EXPECT_THAT(to_html(document_of(example::results({})), "x", {}, "absent", "no pictures: <why>"),
              HasSubstr("<p class=\"note\">no pictures: &lt;why&gt;</p>"));
}

TEST(ReportPage, ComesOutForAnyRecord) {
  for (const json& odd :
       {json(), json(1), json::array({1, 2}), json{{"cells", {1, json::object()}}}}) {
    EXPECT_THAT(page_of(odd), HasSubstr("</html>"));
  }
}

}  // namespace
}  // namespace oar::report
