#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/report.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

using example::cell;
using example::results;
using example::stage;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json with_orders(const std::string& name, int seed, json statistics) {
  json oar = cell(name, seed, json::array());
  oar["order_statistics"] = std::move(statistics);
  return oar;
}

json signature(const std::string& name, const json& present, const std::string& sentence) {
  return {{"name", name}, {"present", present}, {"sentence", sentence}};
}

TEST(OrderSection, ShowsHowStepsGoInOneTableAndWhatOrdersLookLikeInAnother) {
  const json statistics = {{"peeks", false},
                           {"draws_before_choosing", false},
                           {"rows", 4},
                           {"cols", 4},
                           {"orders_compared", 500},
                           {"num_orders", 500},
                           {"mean_inter_patch_distance", 2.5},
                           {"stddev_inter_patch_distance", 0.25},
                           {"neighbour_share", 0.5},
                           {"touch_share", 0.75},
                           {"long_jump_share", 0.125},
                           {"mean_blobs", 1.5},
                           {"centre_to_border", -0.25},
                           {"raster_tau", 0.125},
                           {"stddev_raster_tau", 0.1},
                           {"raster_rho", 0.2},
                           {"stddev_raster_rho", 0.1},
                           {"between_tau", 0.3},
                           {"between_rho", 0.4},
                           {"first_position_entropy", 1.5},
                           {"nats_per_image", 30.5}};
  const std::string report = render_markdown(results({with_orders("oar", 0, statistics)}));
  EXPECT_THAT(
      report,
      HasSubstr("| recipe | peeks | draws first | orders | mean inter-patch distance (patches) | "
                "its sd between images (patches) | steps to a direct neighbour (share) | steps "
                "beside a filled patch (share) | jumps over half of the grid (share) | blobs of "
                "filled patches |\n"
                "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
                "| oar | no | no | 500 | 2.500 | 0.2500 | 0.5000 | 0.7500 | 0.1250 | 1.500 |\n"));
  EXPECT_THAT(
      report,
      HasSubstr("| recipe | centre to border | τ to raster | ρ to raster | τ between images | ρ "
                "between images | entropy of the first position (nats) | nats/image |\n"
                "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
                "| oar | -0.2500 | 0.1250 | 0.2000 | 0.3000 | 0.4000 | 1.500 | 30.50 |\n"));
  EXPECT_THAT(report, HasSubstr("Of the generated images. Distances are Euclidean"));
  EXPECT_THAT(report, Not(HasSubstr("Further numbers")));
}

TEST(OrderSection, AveragesOverSeedsAndLeavesOpenWhatNoSeedKnows) {
  const auto of = [](int seed, const json& tau) {
    return with_orders("oar", seed, {{"raster_tau", tau}, {"centre_to_border", nullptr}});
  };
  const std::string report = render_markdown(results({of(0, 0.1), of(1, 0.3), of(2, nullptr)}));
  EXPECT_THAT(report, HasSubstr("| recipe | τ to raster |\n| --- | ---: |\n"
                                "| oar | 0.2 ± 1.3 |\n"));
}

TEST(OrderSection, ShowsCountsWithoutDecimalsAndRoundingAsZero) {
  const std::string report = render_markdown(results(
      {with_orders("oar", 0, {{"num_orders", 500}, {"stddev_inter_patch_distance", 2.2e-16}})}));
  EXPECT_THAT(
      report,
      HasSubstr("| recipe | peeks | draws first | orders | its sd between images (patches) |\n"));
  EXPECT_THAT(report, HasSubstr("| oar | – | – | 500 | 0 |\n"));
}

TEST(OrderSection, ShowsNumbersItDoesNotKnowUnderTheirOwnNames) {
  EXPECT_THAT(render_markdown(results({with_orders("oar", 0, {{"sharp_turns", 0.25}})})),
              HasSubstr("Further numbers of the records:\n\n| recipe | sharp turns |\n"
                        "| --- | ---: |\n| oar | 0.2500 |\n"));
}

TEST(OrderSection, ShowsTheOrdersThatAModelWasFineTunedOnAndMarksThoseThatPeek) {
  json tuned = with_orders("oar_finetuned", 0,
                           {{"peeks", false}, {"num_orders", 12}, {"nats_per_image", 30.0}});
  tuned["stages"] = {
      stage("orders", "o", 1, {{"peeks", true}, {"num_orders", 8}, {"nats_per_image", 20.0}})};
  const std::string report = render_markdown(results({tuned}));
  EXPECT_THAT(report, HasSubstr("| oar_finetuned | no | – | 12 |\n"
                                "| oar_finetuned, labels | yes | – | 8 |\n"));
  EXPECT_THAT(report, HasSubstr("| oar_finetuned | 30 |\n| oar_finetuned, labels | 20 † |\n"));
  EXPECT_THAT(report, HasSubstr("† under an order that peeks"));
  EXPECT_THAT(report, HasSubstr("Of the generated images; lines called *labels* are of the images "
                                "that the model was fine-tuned on."));
}

TEST(OrderSection, SaysHowAnApproximateSearchAgreesWithTheExactOne) {
  json tuned = with_orders("oar_finetuned", 0, {{"num_orders", 12}});
  tuned["stages"] = {stage("orders", "o", 1,
                           {{"num_orders", 8},
                            {"agreement",
                             {{"images", 32},
                              {"kendall_tau", 0.93},
                              {"nats_per_image", 20.5},
                              {"exact_nats_per_image", 20.0},
                              {"token_evaluations_ratio", 4.0},
                              {"speedup", 3.5}}}})};
  EXPECT_THAT(render_markdown(results({tuned})),
              HasSubstr("- **oar_finetuned, labels** were searched approximately. On 32 images: τ "
                        "0.9300 to the exact search, 20.50 nats/image against 20.00, token "
                        "evaluations saved 4.000-fold, 3.500 times as fast.\n"));
}

TEST(OrderSection, NamesTheFailuresThatTheRecordsStateAsPresent) {
  const auto of = [](int seed, const json& present) {
    return with_orders(
        "oar", seed,
        {{"signatures", json::array({signature("jumping", present, "41.0 % of the jumps."),
                                     signature("seams", nullptr, "No images are known.")})}});
  };
  EXPECT_THAT(render_markdown(results({of(0, true), of(1, false), of(2, true)})),
              HasSubstr("Signs of known failures:\n\n"
                        "- **oar: jumping**, 2 of 3 seeds. 41.0 % of the jumps.\n\n"));
  const std::string calm = render_markdown(results({of(0, false), of(1, nullptr)}));
  EXPECT_THAT(calm, Not(HasSubstr("Signs of known failures")));
  EXPECT_THAT(calm, Not(HasSubstr("No images are known.")));
}

TEST(OrderSection, NamesTheFailureThatACellEndedIn) {
  json failed = example::cell("oar", 0, {});
  failed["status"] = "failed";
  failed["error"] = "needs at least 2.6 MiB";
  failed["signatures"] = json::array({signature("memory", true, "needs at least 2.6 MiB")});
  EXPECT_THAT(render_markdown(results({failed})),
              HasSubstr("- **oar: memory**, 1 of 1 seeds. needs at least 2.6 MiB\n"));
}

TEST(OrderSection, SaysWhatDrawingFirstDoes) {
  EXPECT_THAT(render_markdown(results({with_orders("oar", 0, {{"draws_before_choosing", true}})})),
              HasSubstr("- **oar** draws a code for every open patch first"));
}

TEST(OrderSection, DrawsTheMeanStepOfEachCellAsText) {
  const std::string report =
      render_markdown(results({with_orders("oar", 0, {{"mean_step_of", {{0, 1}, {2, 3}}}}),
                               with_orders("oar", 1, {{"mean_step_of", {{1, 1}, {2, 2}}}})}));
  EXPECT_THAT(report, HasSubstr("**oar** (n=2)\n\n```\n  0.5   1.0\n  2.0   2.5\n```\n"));
}

TEST(OrderSection, PointsToThePlotsForLargeGrids) {
  const json grid(9, json(9, 40.0));
  EXPECT_THAT(render_markdown(results({with_orders("oar", 0, {{"mean_step_of", grid}})})),
              HasSubstr("**oar**: a grid of 9×9 is too large for text; see the plots.\n"));
}

}  // namespace
}  // namespace oar
