#include "reports/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/report.h"
#include "tests/reports/example_results.h"

namespace oar::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Published, HasThePapersFidsForRasterAndFineTunedOrders) {
  EXPECT_EQ(find_published(example::recipe("raster", "fashion_products"), "fid")->value, "4.58");
  EXPECT_EQ(find_published(example::recipe("oar_finetuned", "fashion_products"), "fid")->value,
            "2.56");
}

TEST(Published, HasNothingForRecipesThatThePaperGivesNoNumberFor) {
  EXPECT_EQ(find_published(example::recipe("random", "fashion_products"), "fid"), nullptr);
  EXPECT_EQ(find_published(example::recipe("oar", "fashion_products"), "fid"), nullptr);
}

TEST(Published, HasNothingForOtherDataSetsAndMetrics) {
  EXPECT_EQ(find_published(example::recipe("raster", "celeba_hq"), "fid"), nullptr);
  EXPECT_EQ(find_published(example::recipe("raster", "fashion_products"), "kid"), nullptr);
}

TEST(Published, JudgesARecipeByWhatItDoes) {
  auto recipe = example::recipe("raster", "fashion_products");
  recipe["generate"]["order"] = "random";
  EXPECT_EQ(published_row(recipe), PublishedRow::kNone);
  recipe = example::recipe("raster", "fashion_products");
  recipe["relabel"] = {{"order", "oar"}};
  EXPECT_EQ(published_row(recipe), PublishedRow::kNone);
  recipe = example::recipe("oar_finetuned", "fashion_products");
  EXPECT_EQ(published_row(recipe), PublishedRow::kOarFinetuned);
  recipe["relabel"]["random_share"] = 1.0;  // more training on random orders
  EXPECT_EQ(published_row(recipe), PublishedRow::kNone);
  EXPECT_EQ(published_row(nlohmann::json()), PublishedRow::kNone);
}

TEST(Published, EveryNumberNamesItsSource) {
  for (const PublishedNumber& number : published_numbers())
    EXPECT_EQ(number.source, "arXiv 2504.17069 v1");
}

nlohmann::json fashion_results() {
  auto raster = example::cell("raster", 0, {example::fid(40.7)});
  auto random = example::cell("random", 0, {example::fid(78)});
  raster["recipe"] = example::recipe("raster", "fashion_products");
  random["recipe"] = example::recipe("random", "fashion_products");
  return example::results({raster, random});
}

TEST(PublishedInAReport, StandApartFromTheNumbersMeasuredHere) {
  const std::string report = render_markdown(fashion_results());
  EXPECT_THAT(report,
              HasSubstr("| recipe | seeds | FID[efficientnet_lite0] ↓ |  | published FID ↓ |\n"
                        "| --- | --- | ---: | ---: | ---: |\n"
                        "| raster | n=1 | 40.70 |  | *4.58* |\n"
                        "| random | n=1 | 78.00 |  |  |\n"));
  EXPECT_THAT(report, HasSubstr("*published*, full scale, other tokenizer and Inception features: "
                                "not comparable with the "
                                "numbers left (arXiv 2504.17069 v1)."));
}

TEST(PublishedInAReport, ListsTheInterPatchDistancesWithTheirSource) {
  const std::string report = render_markdown(fashion_results());
  EXPECT_THAT(report, HasSubstr("| fashion_products | absolute next position | mean inter-patch "
                                "distance | *5.78* patches | "
                                "arXiv 2504.17069 v1 |\n"));
  EXPECT_THAT(report, HasSubstr("| fashion_products | relative next position | mean inter-patch "
                                "distance | *4.34* patches | "
                                "arXiv 2504.17069 v1 |\n"));
}

TEST(PublishedInAReport, AreAbsentForADataSetThatThePaperHasNoNumbersFor) {
  const std::string report =
      render_markdown(example::results({example::cell("raster", 0, {example::fid(40.7)})}));
  EXPECT_THAT(report, Not(HasSubstr("ublished")));
  EXPECT_THAT(report, Not(HasSubstr("4.58")));
}

TEST(PublishedInAReport, StayOutOfTheTerminal) {
  EXPECT_THAT(render_table(fashion_results()), Not(HasSubstr("4.58")));
}

}  // namespace
}  // namespace oar::report
