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

json excess(double nats, bool peeks) {
  json entry = example::metric("excess_nats", "excess nats", nats, false);
  entry.update({{"unit", "nats/image"}, {"num_reference", 500}, {"peeks", peeks}});
  return entry;
}

/// A cell on planted_path.
json planted(const std::string& name, int seed, double nats, double share, bool peeks) {
  json made = cell(name, seed, {excess(nats, peeks)});
  made["recipe"]["dataset"] = {
      {"name", "planted_path"}, {"image_size", 64}, {"rows", 4}, {"cols", 4}, {"codes", 8},
      {"noise", 0.15},          {"path", "hilbert"}};
  made["stages"] = {stage("known_answer", name + std::to_string(seed), 1,
                          {{"images", 500},
                           {"split", "held_out"},
                           {"peeks", peeks},
                           {"entropy_nats", 11.74},
                           {"excess_nats", nats},
                           {"excess_nats_error", 0.02},
                           {"excess_over_entropy_nats", nats + 0.01},
                           {"path_adjacent_share", share},
                           {"random_path_adjacent_share", 31.0 / 45},
                           {"tau_to_path", -0.25},
                           {"absolute_tau_to_path", 0.75},
                           {"random_tau_stddev", 0.18}})};
  return made;
}

json sunset(const std::string& name, bool peeks) {
  json made = cell(name, 0, json::array());
  made["stages"] = {stage("known_answer", name, 1,
                          {{"images", 200},
                           {"split", "train"},
                           {"peeks", peeks},
                           {"sun_before_clouds", 0.75},
                           {"random_sun_before_clouds", 0.5},
                           {"sun_starts_before_clouds", 0.8},
                           {"random_sun_starts_before_clouds", 0.6},
                           {"background_first_index", 0.3},
                           {"background_first_index_error", 0.01}})};
  return made;
}

TEST(KnownAnswerSection, ShowsExcessNatsAndStepsAlongThePathBesideRandomOrders) {
  const std::string report = render_markdown(
      results({planted("raster", 0, 0.68, 0.7, false), planted("random", 0, 0.6, 0.7, false),
               planted("random", 1, 0.7, 0.7, false)}));
  EXPECT_THAT(
      report,
      HasSubstr(
          "| recipe | seeds | excess nats ↓ | its standard error | over the entropy | "
          "entropy (nats/image) | steps along the path ↑ | random orders | τ to the path | its "
          "size ↑ "
          "| sd of random orders |\n"
          "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
          "| raster | n=1 | 0.6800 | 0.02000 | 0.6900 | 11.74 | 0.7000 | 0.6889 | -0.2500 | 0.7500 "
          "| "
          "0.1800 |\n"
          "| random | n=2 | 0.65 ± 0.64 | 0.02000 ± 0 | 0.66 ± 0.64 | 11.74 ± 0 | 0.7000 ± 0 | "
          "0.6889 ± 0 | -0.2500 ± 0 | 0.7500 ± 0 | 0.1800 ± 0 |\n"));
  EXPECT_THAT(report, HasSubstr("Orders are those of 500 held_out images"));
  EXPECT_THAT(report, Not(HasSubstr("†")));
}

TEST(KnownAnswerSection, NeverShowsExcessNatsOfAPeekingOrderWithoutSayingSo) {
  const json file = results({planted("oar", 0, -0.77, 0.9, true)});
  const std::string report = render_markdown(file);
  EXPECT_THAT(report, HasSubstr("| oar | n=1 | -0.7700 † |\n"));  // the table of metrics
  EXPECT_THAT(report, HasSubstr("| oar | n=1 | -0.7700 † | 0.02000 | -0.7600 † | 11.74 |"));
  EXPECT_THAT(report, HasSubstr("\n- † under an order that peeks: "));
  EXPECT_THAT(report, HasSubstr("\n† under an order that peeks: "));
  EXPECT_THAT(report, HasSubstr("Its excess may be below 0: of the orders that a model scores "
                                "differently, it finds one that scores well."));
  EXPECT_THAT(render_table(file), HasSubstr("-0.7700 †\n\n† the order peeks: it was chosen by "
                                            "looking at codes not yet placed\n"));
  // The generated orders do not peek: only the given images that are labelled for the comparison.
  EXPECT_THAT(report, Not(HasSubstr("uses orders that *peek*")));
}

TEST(KnownAnswerSection, ShowsWhatAPlantedPathIsInPlaceOfTheSizeOfImages) {
  const std::string report = render_markdown(results({planted("raster", 0, 0.68, 0.7, false)}));
  EXPECT_THAT(report,
              HasSubstr("| raster | planted_path 4×4, 8 codes, noise 0.15, path hilbert |"));
  EXPECT_THAT(report, HasSubstr("data set planted_path; 4×4, 8 codes, noise 0.15, path hilbert;"));
  EXPECT_THAT(report, Not(HasSubstr("64")));
}

TEST(KnownAnswerSection, NeverAveragesOverTwoPlantedPaths) {
  json other = planted("raster", 1, 0.9, 0.7, false);
  other["recipe"]["dataset"]["noise"] = 0.3;
  EXPECT_THAT(render_markdown(results({planted("raster", 0, 0.68, 0.7, false), other})),
              HasSubstr("| excess nats (nats/image) ↓ (a) | excess nats (nats/image) ↓ (b) |"));
}

TEST(KnownAnswerSection, ShowsWhetherTheSunComesBeforeItsClouds) {
  const std::string report = render_markdown(results({sunset("oar", false)}));
  EXPECT_THAT(
      report,
      HasSubstr("| recipe | seeds | sun before clouds (share) | random orders | sun starts first "
                "(share) | random orders | background first | its standard error |\n"
                "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
                "| oar | n=1 | 0.7500 | 0.5000 | 0.8000 | 0.6000 | 0.3000 | 0.01000 |\n"));
  EXPECT_THAT(report, Not(HasSubstr("The hidden path")));
  EXPECT_THAT(report, Not(HasSubstr("Some of these orders peek")));
  EXPECT_THAT(render_markdown(results({sunset("oar", true)})),
              HasSubstr("Some of these orders peek at codes that are not yet placed."));
}

TEST(KnownAnswerSection, IsLeftOutWhereTheDataKnowsNothing) {
  EXPECT_THAT(render_markdown(results({cell("oar", 0, json::array())})),
              Not(HasSubstr("Known answers")));
}

TEST(KnownAnswerSection, KeepsItsFrameWhateverASingleFieldHolds) {
  const json file = results({planted("oar", 0, -0.77, 0.9, true), sunset("random", true)});
  const json leaves = file.flatten();
  for (const auto& [pointer, value] : leaves.items()) {
    for (json::json_pointer at(pointer); !at.empty(); at = at.parent_pointer()) {
      for (const json& wrong : {json(), json(-1), json("x"), json::array({1}), json{{"x", 1}}}) {
        json changed = file;
        changed[at] = wrong;
        EXPECT_THAT(render_markdown(changed), HasSubstr("- schema version: ")) << changed.dump();
        EXPECT_FALSE(render_table(changed).empty());
        validate_results(changed);
      }
    }
  }
}

TEST(KnownAnswerSection, CellsWithoutTokenizerAndScoresFollowTheSchema) {
  EXPECT_THAT(validate_results(results({planted("raster", 0, 0.68, 0.7, false)})),
              ::testing::IsEmpty());
}

}  // namespace
}  // namespace oar
