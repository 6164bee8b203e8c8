#include "harness/orders_verb/order_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/orders/order_record.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json example_record() {
  const OrderStatistics statistics = order_statistics(torch::tensor({{0, 1, 2, 3}, {0, 3, 1, 2}}),
                                                      Grid{1, 4}, torch::full({2, 4}, -0.5f));
  return order_record(statistics, {{"jumping", true, 0.5, 0.2, "It jumps."},
                                   {"seams", false, 0.0, 5.0, "No seams."},
                                   {"background_bias", {}, {}, {}, "Not known."}});
}

TEST(RenderStatistics, HasALineForEachNumber) {
  const std::string text = render_statistics(example_record(), false);
  EXPECT_THAT(text, HasSubstr("  orders                             2, grid 1x4\n"));
  EXPECT_THAT(text, HasSubstr("  mean inter-patch distance          1.5 ± 0.5 patches\n"));
  EXPECT_THAT(text, HasSubstr("  steps to a direct neighbour        66.7 %\n"));
  EXPECT_THAT(text, HasSubstr("  steps that touch a filled patch    83.3 %\n"));
  EXPECT_THAT(text, HasSubstr("  jumps over half of the longest     33.3 %\n"));
  EXPECT_THAT(text, HasSubstr("  blobs, mean over the steps         1.25\n"));
  EXPECT_THAT(text, HasSubstr("  Kendall's tau to raster            0.6667 ± 0.33\n"));
  EXPECT_THAT(text,
              HasSubstr("  Kendall's tau between images       0.3333, each of 2 with each\n"));
  EXPECT_THAT(text, HasSubstr("  entropy of the first position      0 nats, at most 1.386\n"));
  EXPECT_THAT(text, HasSubstr("  nats per image                     2\n"));
  EXPECT_THAT(text, HasSubstr("mean step of each cell\n    0.0   1.5   2.5   2.0\n"));
}

TEST(RenderStatistics, DrawsTheHistogramWithTheLongestBarForTheMostJumps) {
  EXPECT_THAT(render_statistics(example_record(), false),
              HasSubstr("   0 to 1     0.0 %\n"
                        "   1 to 2    66.7 % ########################################\n"
                        "   2 to 3    33.3 % ####################\n"));
}

TEST(RenderStatistics, SaysThatAPeekingLikelihoodIsNoBound) {
  EXPECT_THAT(render_statistics(example_record(), true),
              HasSubstr("nats per image                     2 (no bound: the order peeks"));
}

TEST(RenderStatistics, NamesTheSignaturesThatArePresentOnly) {
  const std::string text = render_statistics(example_record(), false);
  EXPECT_THAT(text, HasSubstr("\nsign of failure, jumping: It jumps.\n"));
  EXPECT_THAT(text, Not(HasSubstr("No seams.")));
  EXPECT_THAT(text, Not(HasSubstr("Not known.")));
}

TEST(RenderStatistics, OfASingleOrderLeavesOpenWhatItCannotSay) {
  const std::string text = render_statistics(
      order_record(order_statistics(torch::zeros({1, 1}, torch::kInt64), Grid{1, 1}), {}), false);
  EXPECT_THAT(text, HasSubstr("  mean inter-patch distance          –\n"));
  EXPECT_THAT(text, HasSubstr("  Kendall's tau between images       –\n"));
  EXPECT_THAT(text, Not(HasSubstr("nats per image")));
  EXPECT_THAT(text, Not(HasSubstr(" to 1 ")));  // there are no jumps to draw
}

TEST(RenderSteps, DrawsTheGrid) {
  EXPECT_EQ(render_steps(torch::tensor({0, 11, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1}), Grid{3, 4}),
            "   0 11  2  3\n   4  5  6  7\n   8  9 10  1\n");
}

TEST(RenderImages, HasALineForEachImage) {
  const json records = {{{"image", 7}, {"mean_jump", 1.5}, {"raster_tau", nullptr}},
                        {{"image", 12}, {"mean_jump", 2.0}, {"raster_tau", 0.25}}};
  EXPECT_EQ(render_images(records),
            "    image      jump       tau\n"
            "        7       1.5         –\n"
            "       12         2      0.25\n");
}

TEST(RenderComparison, HasALineForEachNumber) {
  EXPECT_EQ(render_comparison(comparison_record(
                compare_orders(torch::tensor({{0, 1, 2}, {0, 1, 2}}),
                               torch::tensor({{0, 1, 2}, {2, 1, 0}}), Grid{1, 3}))),
            "  images with an order in both       2\n"
            "  Kendall's tau                      0 ± 1\n"
            "  Spearman's rho                     0 ± 1\n"
            "  same patch at the same step        66.7 %\n"
            "  same order throughout              50.0 %\n"
            "  mean inter-patch distance          1 and 1 patches\n");
}

TEST(RenderSearch, SaysWhatWasSearchedAndHowFarItAgrees) {
  json search = {{"cell", "recipe=oar"}, {"model", "any_order"},      {"order", "raster"},
                 {"peeks", false},       {"token_evaluations", 1600}, {"seconds", 1.25},
                 {"device", "cpu"},      {"images_together", 64}};
  EXPECT_EQ(render_search(search, nullptr),
            "\nsearch\n"
            "  cell, model                        recipe=oar, any_order\n"
            "  order                              raster\n"
            "  peeks                              no\n"
            "  token evaluations                  1,600\n"
            "  time                               1.25 s on cpu, 64 images at once\n");
  search.update(
      {{"order", "oar"}, {"confidence", "likelihood"}, {"distance_penalty", 0.5}, {"peeks", true}});
  const json agreement = {
      {"kendall_tau", 0.5},           {"identical_share", 0.25},        {"nats_per_image", 30.5},
      {"exact_nats_per_image", 30.0}, {"token_evaluations_ratio", 8.0}, {"speedup", 6.5}};
  const std::string text = render_search(search, agreement);
  EXPECT_THAT(
      text, HasSubstr("oar by likelihood, lambda 0.5\n  peeks                              yes\n"));
  EXPECT_THAT(text, HasSubstr("\nagainst the exact search\n"
                              "  Kendall's tau                      0.5\n"
                              "  same order throughout              25.0 %\n"
                              "  nats per image                     30.5; exact: 30\n"
                              "  token evaluations                  8 times fewer\n"
                              "  speed                              6.5 times the exact one's\n"));
}

}  // namespace
}  // namespace oar
