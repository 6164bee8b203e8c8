// The report as a reader meets it, in a real browser.
#include <gmock/gmock.h>

#include <fstream>

#include "reports/html_page.h"
#include "reports/report.h"
#include "tests/browser/browser.h"
#include "tests/browser/page_checks.h"
#include "tests/reports/example_images.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kScript[] = "<script>alert(1)</script>";

class ReportPageInABrowser : public BrowserTest {
 protected:
  void SetUp() override {
    BrowserTest::SetUp();
    if (IsSkipped()) return;
    std::vector<json> cells;
    int fid = 50;
    for (const std::string name : {"raster", "random", kScript}) {
      for (int seed = 0; seed < 3; ++seed) {
        cells.push_back(
            example::cell(name, seed, {example::fid(fid + seed), example::distance(1.5 + seed)}));
      }
      fid += name == "raster" ? 100 : -120;
    }
    const json results = example::results(cells);
    std::filesystem::create_directories(folder_ / "figures");
    std::ofstream(folder_ / "figures" / "metrics.svg")
        << R"(<svg xmlns="http://www.w3.org/2000/svg" width="900" height="300">)"
           R"(<rect width="900" height="300" fill="#0072B2"/></svg>)";
    const std::vector<FigureSpec> figures = {
        {"metrics", "results", "Metrics", "One bar a recipe", "bars", false, {}},
        {"gone", "results", "Gone", "Never drawn", "nothing", false, {}}};
    std::ofstream(folder_ / "report.html")
        << report::to_html(document_of(results), "quickstart", figures, folder_, "");
  }

  Page open() { return browser().open(folder_ / "report.html"); }

  static json first_column(Page& page) {
    return page.evaluate(
        "Array.from(document.querySelectorAll('#section-2 ~ .scroll'))"
        "[0].querySelectorAll('tbody th').values().map(e => e.innerText).toArray()");
  }
};

TEST_F(ReportPageInABrowser, NeedsNothingButItselfAndHasNothingToComplainOf) {
  Page page = open();
  EXPECT_EQ(page.evaluate("document.title"), "quickstart");
  EXPECT_THAT(page.complaints(), IsEmpty());
  EXPECT_THAT(page.requests(), ElementsAre(page.url()));
  EXPECT_THAT(missing_pictures(page), IsEmpty());
  EXPECT_EQ(page.evaluate("document.querySelectorAll('figure').length"), 1);
  EXPECT_EQ(page.evaluate("document.querySelectorAll('script').length"), 1);
}

TEST_F(ReportPageInABrowser, FitsAPhoneAndADeskInLightAndDark) {
  Page page = open();
  for (const bool phone : {true, false}) {
    page.set_viewport(phone ? 390 : 1280, 844, phone);
    for (const char* scheme : {"light", "dark"}) {
      page.set_colour_scheme(scheme);
      EXPECT_THAT(elements_over_the_edge(page), IsEmpty()) << scheme;
      EXPECT_THAT(texts_of_low_contrast(page), IsEmpty()) << scheme;
    }
  }
  EXPECT_THAT(unnamed_elements(page), IsEmpty());
}

TEST_F(ReportPageInABrowser, SortsByANumberAndBackAndByText) {
  Page page = open();
  EXPECT_THAT(first_column(page), ElementsAre("raster", "random", kScript));
  const std::string head = "#section-2 ~ .scroll th:nth-child(3) button";
  page.evaluate("document.querySelector('" + head + "').click()");
  EXPECT_THAT(first_column(page), ElementsAre(kScript, "raster", "random"));  // 30, 50, 150
  page.evaluate("document.querySelector('" + head + "').click()");
  EXPECT_THAT(first_column(page), ElementsAre("random", "raster", kScript));
  EXPECT_EQ(page.evaluate("document.querySelector('" + head + "').parentNode.ariaSort"),
            "descending");
  page.evaluate("document.querySelector('#section-2 ~ .scroll th:nth-child(1) button').click()");
  EXPECT_EQ(first_column(page)[1], "random");
}

TEST_F(ReportPageInABrowser, OpensTheRecordsBehindANumber) {
  Page page = open();
  EXPECT_EQ(page.evaluate("document.getElementById('record-1').open"), false);
  page.evaluate("document.querySelector('a[href=\"#record-1\"]').click()");
  page.wait_until("document.getElementById('record-1').open");
  EXPECT_THAT(page.evaluate("document.getElementById('record-1').innerText").get<std::string>(),
              HasSubstr("/cells/4/metrics/0"));
}

}  // namespace
}  // namespace oar
