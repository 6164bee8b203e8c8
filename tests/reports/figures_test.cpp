// What each picture shows: the numbers, computed here by hand, and the words.
#include "reports/figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "reports/figures_parts.h"
#include "reports/interval.h"
#include "tests/reports/example_figures.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

using example::cell;
using example::distance;
using example::fid;
using example::json;
using example::results;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

FigureSpec figure(const std::string& id, const json& results) {
  for (const FigureSpec& spec : figures_of(results)) {
    if (spec.id == id) return spec;
  }
  ADD_FAILURE() << "there is no figure " << id;
  return {};
}

std::vector<std::string> ids_of(const json& results) {
  std::vector<std::string> ids;
  for (const FigureSpec& spec : figures_of(results)) ids.push_back(spec.id);
  return ids;
}

TEST(Interval, StudentsQuantilesAreThoseOfTheTables) {
  EXPECT_NEAR(report::student_quantile(0.95, 1), 12.706, 1e-3);
  EXPECT_NEAR(report::student_quantile(0.95, 2), 4.303, 1e-3);
  EXPECT_NEAR(report::student_quantile(0.95, 9), 2.262, 1e-3);
  EXPECT_NEAR(report::student_quantile(0.99, 30), 2.750, 1e-3);
  EXPECT_THROW(report::student_quantile(0.95, 0), std::invalid_argument);
  EXPECT_THROW(report::student_quantile(1.0, 3), std::invalid_argument);
}

TEST(Figures, DotsHaveTheMeanItsIntervalAndEverySeed) {
  const json made =
      results({cell("oar", 0, json::array({fid(10.0)})), cell("oar", 1, json::array({fid(12.0)})),
               cell("oar", 2, json::array({fid(14.0)}))});
  const FigureSpec spec = figure("metrics", made);
  const json& panel = spec.drawing.at("panels").at(0);
  EXPECT_EQ(panel.at("title"), "FID[efficientnet_lite0]");
  EXPECT_EQ(panel.at("better"), "lower is better");
  const json& entry = panel.at("entries").at(0);
  EXPECT_EQ(entry.at("points"), json({10.0, 12.0, 14.0}));
  EXPECT_EQ(entry.at("mean"), 12.0);
  const double reach = 4.30265 * 2 / std::sqrt(3.0);  // t of 2 degrees, s = 2, n = 3
  EXPECT_NEAR(entry.at("low").get<double>(), 12 - reach, 1e-4);
  EXPECT_NEAR(entry.at("high").get<double>(), 12 + reach, 1e-4);
  EXPECT_THAT(spec.caption, HasSubstr("(3 seeds)"));
  EXPECT_THAT(spec.caption,
              HasSubstr("FID[efficientnet_lite0]: 500 generated, 900 reference images."));
  EXPECT_THAT(spec.alt, HasSubstr("oar has the best mean, 12"));
}

TEST(Figures, OneSeedHasNoIntervalAndAFailureSaysSo) {
  const json made = results({cell("oar", 0, json::array({fid(10.0)})),
                             example::failed(cell("raster", 0, json::array()), "diverged", "why"),
                             cell("random", 0, json::array({fid(nullptr)}))});
  const FigureSpec spec = figure("metrics", made);
  const json& entries = spec.drawing.at("panels").at(0).at("entries");
  EXPECT_FALSE(entries.at(0).contains("low"));
  EXPECT_EQ(entries.at(1).at("note"), "diverged");
  EXPECT_EQ(entries.at(2).at("note"), "not finite");
  EXPECT_EQ(spec.drawing.at("rows"), json({"oar", "raster", "random"}));
}

TEST(Figures, RowsThatDifferInThePenaltyAloneAreALineOverIt) {
  std::vector<json> cells;
  for (const double penalty : {1.0, 0.0}) {
    for (const int seed : {0, 1}) {
      json one = cell("oar", seed, json::array({fid(20 - penalty + seed)}));
      one["labels"]["generate.distance_penalty"] = penalty;
      one["recipe"]["generate"]["distance_penalty"] = penalty;
      one["id"] = one["id"].get<std::string>() + std::to_string(penalty);
      cells.push_back(one);
    }
  }
  cells.push_back(cell("raster", 0, json::array({fid(30.0)})));  // one λ is no line
  const FigureSpec spec = figure("distance_penalty", results(cells));
  const json& lines = spec.drawing.at("panels").at(0).at("lines");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines.at(0).at("name"), "oar");
  EXPECT_EQ(lines.at(0).at("x"), json({0.0, 1.0}));  // by rising λ
  EXPECT_EQ(lines.at(0).at("y"), json({20.5, 19.5}));
  EXPECT_EQ(lines.at(0).at("points"), json({{0.0, 20.0}, {0.0, 21.0}, {1.0, 19.0}, {1.0, 20.0}}));
  const double reach = 12.7062 * std::sqrt(0.5) / std::sqrt(2.0);  // t of 1 degree
  EXPECT_NEAR(lines.at(0).at("high").at(0).get<double>(), 20.5 + reach, 1e-3);
}

TEST(Figures, HistogramsAreSharesOfTheStepsOverSeeds) {
  json first = cell("oar", 0, json::array()), second = cell("oar", 1, json::array());
  first["order_statistics"] = {{"histogram", {{"edges", {0, 1, 2}}, {"counts", {3, 1}}}},
                               {"mean_inter_patch_distance", 2.0}};
  second["order_statistics"] = {{"histogram", {{"edges", {0, 1, 2}}, {"counts", {2, 8}}}},
                                {"mean_inter_patch_distance", 3.0}};
  const FigureSpec spec = figure("jump_lengths", results({first, second}));
  const json& panel = spec.drawing.at("panels").at(0);
  EXPECT_NEAR(panel.at("shares").at(0).get<double>(), (0.75 + 0.2) / 2, 1e-12);
  EXPECT_NEAR(panel.at("shares").at(1).get<double>(), (0.25 + 0.8) / 2, 1e-12);
  EXPECT_EQ(panel.at("mean"), 2.5);
}

TEST(Figures, MapsHoldTheMeanAndTheSpreadOverSeeds) {
  json first = cell("oar", 0, json::array()), second = cell("oar", 1, json::array());
  first["order_statistics"] = {{"mean_step_of", {{0.0, 3.0}, {1.0, 2.0}}},
                               {"stddev_step_of", {{0.0, 0.5}, {1.0, 0.0}}}};
  second["order_statistics"] = {{"mean_step_of", {{1.0, 3.0}, {0.0, 2.0}}},
                                {"stddev_step_of", {{1.0, 0.5}, {0.0, 0.0}}}};
  const FigureSpec spec = figure("step_maps", results({first, second}));
  EXPECT_EQ(spec.drawing.at("panels").at(0).at("mean"), json({{0.5, 3.0}, {0.5, 2.0}}));
  EXPECT_EQ(spec.drawing.at("panels").at(0).at("spread"), json({{0.5, 0.5}, {0.5, 0.0}}));
  EXPECT_EQ(spec.drawing.at("mean_limit"), 3.0);  // the last step of 2x2
  EXPECT_EQ(spec.drawing.at("spread_limit"), 0.5);
}

TEST(Figures, NeighbourStepsAreCountedInSpansOfTheOrdersBesideTheResults) {
  json one = cell("oar", 0, json::array());
  // Of a 1x4 grid: 0 1 2 3 steps to a neighbour always; 0 2 1 3 in the second of three steps only.
  one["samples"] = {{"grid", {1, 4}}, {"position_at", {{0, 1, 2, 3}, {0, 2, 1, 3}}}};
  const FigureSpec spec = figure("neighbour_steps", results({one}));
  const json& line = spec.drawing.at("panels").at(0).at("lines").at(0);
  EXPECT_EQ(line.at("x"), json({1.0, 2.0, 3.0}));
  EXPECT_EQ(line.at("y"), json({0.5, 1.0, 0.5}));
  EXPECT_THAT(spec.caption, HasSubstr("over the first 2 images"));
}

TEST(Figures, EverySpanOfStepsHoldsStepsWhateverTheGrid) {
  for (const auto& [rows, cols] :
       {std::pair{4, 1}, {2, 1}, {1, 2}, {20, 1}, {2, 2}, {1, 40}, {3, 17}, {17, 3}}) {
    json position_at = json::array();
    for (int t = 0; t < rows * cols; ++t) position_at.push_back(t);
    json one = cell("raster", 0, json::array());
    one["samples"] = {{"grid", {rows, cols}}, {"position_at", {position_at}}};
    const FigureSpec spec = figure("neighbour_steps", results({one}));
    const json& line = spec.drawing.at("panels").at(0).at("lines").at(0);
    ASSERT_EQ(line.at("x").size(), line.at("y").size());
    EXPECT_LE(line.at("x").size(), 16u);
    for (size_t i = 0; i < line.at("y").size(); ++i) {
      EXPECT_TRUE(line.at("y")[i].is_number()) << rows << "x" << cols << ": " << line.dump();
      if (rows == 1 || cols == 1)
        EXPECT_EQ(line.at("y")[i], 1.0);  // raster goes from patch to patch
    }
  }
}

TEST(Figures, FineTuningGoesOnWhereTheTrainingBeforeItEnded) {
  const json any_order =
      example::stage("any_order", "a", 1, {{"curve", {{100, 5.0}, {200, 4.0}, {1000, 3.5}}}});
  json oar = cell("oar", 0, json::array()), tuned = cell("oar_finetuned", 0, json::array());
  oar["stages"] = {any_order};
  tuned["stages"] = {any_order, example::stage("specialist", "b", 1, {{"curve", {{50, 3.0}}}})};
  const FigureSpec spec = figure("loss_curves", results({oar, tuned}));
  const json& lines = spec.drawing.at("panels").at(0).at("lines");
  ASSERT_THAT(lines, SizeIs(2));  // the shared training once
  EXPECT_EQ(lines.at(0).at("name"), "oar and oar_finetuned");
  EXPECT_EQ(lines.at(1).at("name"), "oar_finetuned, fine-tuning");
  EXPECT_EQ(lines.at(1).at("x"), json({1050.0}));
  EXPECT_EQ(lines.at(1).at("dashed"), true);
  EXPECT_EQ(spec.drawing.at("panels").at(1).at("title"), "from where fine-tuning begins");
}

TEST(Figures, AModelThatSeedsShareCountsOnceAndUnfinishedCellsDoNotCount) {
  std::vector<json> cells;
  for (int seed = 0; seed < 4; ++seed) {
    json one = cell("oar", seed, json::array());
    const int model = seed / 2;  // seeds 0 and 1 share one, 2 and 3 another
    one["stages"] = {example::stage("any_order", "a" + std::to_string(model), 1,
                                    {{"curve", {{100, 4.0 + 2 * model}}}})};
    cells.push_back(seed == 3 ? example::failed(one, "failed", "broken") : one);
  }
  const FigureSpec spec = figure("loss_curves", results(cells));
  const json& line = spec.drawing.at("panels").at(0).at("lines").at(0);
  EXPECT_EQ(line.at("y"), json({5.0}));                 // of two models, not of four seeds
  EXPECT_NEAR(line.at("high")[0], 5.0 + 12.706, 1e-3);  // t of one degree of freedom, times 1
}

TEST(Figures, ATokenizersTermsBeginWhereTheyWereFirstMeasured) {
  const json first = {{"curve_columns", {"images", "loss", "perplexity"}},
                      {"curve", {{16, 0.9, nullptr}, {32, 0.5, 20.0}, {48, 0.4, 30.0}}}},
             second = {{"curve", {{16, 0.8, 0.7}}}};  // of before columns had names
  json plain = cell("plain", 0, json::array()), again = cell("again", 0, json::array()),
       other = cell("other", 0, json::array());
  plain["stages"] = {example::stage("tokenizer", "a", 1, first)};
  again["stages"] = plain["stages"];
  other["stages"] = {example::stage("tokenizer", "b", 1, second)};
  const FigureSpec spec = figure("tokenizer_curves", results({plain, again, other}));
  const json& panels = spec.drawing.at("panels");
  ASSERT_THAT(panels, SizeIs(3));  // loss, reconstruction, perplexity
  ASSERT_THAT(panels[0].at("lines"), SizeIs(2));
  EXPECT_EQ(panels[0].at("lines")[0].at("name"), "plain and again");
  EXPECT_EQ(panels[1].at("lines")[0].at("y"), json({0.7}));
  EXPECT_EQ(panels[2].at("title"), "perplexity");
  EXPECT_EQ(panels[2].at("lines")[0].at("x"), json({32.0, 48.0}));
  EXPECT_EQ(panels[2].at("lines")[0].at("y"), json({20.0, 30.0}));
}

TEST(Figures, AnAnimationHasAtMost64FramesAndEndsWithAllPatches) {
  const json made = example::all_figures();
  const FigureSpec spec = figure("generation", made);
  EXPECT_TRUE(spec.animated);
  const json& frames = spec.drawing.at("frames");
  EXPECT_LE(frames.size(), 64u);
  EXPECT_EQ(frames.front(), 0);
  EXPECT_EQ(frames.back(), 16);  // patches of the example's 4x4 grid
  EXPECT_TRUE(std::is_sorted(frames.begin(), frames.end()));
}

TEST(Figures, SamplesOfOneSeedStandSideBySide) {
  const FigureSpec spec = figure("samples", example::all_figures());
  const json& rows = spec.drawing.at("rows");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows.at(0).at("name"), "raster");
  EXPECT_EQ(rows.at(0).at("images").at(0), "exhibits/raster0/000.png");
  EXPECT_EQ(rows.at(1).at("images").at(0), "exhibits/oar0/000.png");  // of the same seed
  EXPECT_THAT(spec.caption, HasSubstr("images of seed 0, none chosen"));
  EXPECT_EQ(rows.at(0).at("headings"), json({"day", "no class"}));
  EXPECT_FALSE(rows.at(1).contains("headings"));  // the same
}

TEST(Figures, SamplesOfOtherConditionsHaveTheirOwnHeadings) {
  std::vector<json> cells;
  for (const auto& [name, conditions] : {std::pair{"raster", json({"day", "night"})},
                                         {"oar", json({"Shirts", "Shoes"})},
                                         {"random", json({"Shirts", "Shoes"})},
                                         {"unconditional", json::array()}}) {
    cells.push_back(example::whole_cell(name, 0, true));
    cells.back()["samples"]["conditions"] = conditions;
  }
  const FigureSpec spec = figure("samples", results(cells));
  const json& rows = spec.drawing.at("rows");
  EXPECT_EQ(rows.at(0).at("headings"), json({"day", "night"}));
  EXPECT_EQ(rows.at(1).at("headings"), json({"Shirts", "Shoes"}));
  EXPECT_FALSE(rows.at(2).contains("headings"));
  EXPECT_EQ(rows.at(3).at("headings"), json({"–", "–"}));  // not those of the row above
}

TEST(Figures, ALineOfRandomOrdersIsDrawnOnlyWhereItIsThatOfEveryRow) {
  json raster = example::whole_cell("raster", 0, true), oar = example::whole_cell("oar", 0, true);
  const auto panel = [&] {
    return figure("excess_nats", results({raster, oar})).drawing.at("panels").at(1);
  };
  EXPECT_EQ(panel().at("reference"), 0.4);
  oar["stages"][3]["record"]["random_path_adjacent_share"] = 0.3;  // of a larger grid
  EXPECT_FALSE(panel().contains("reference"));
}

TEST(Figures, ThereIsAPictureForEveryQuestionThatTheResultsAnswer) {
  EXPECT_THAT(ids_of(example::all_figures()),
              ElementsAre("metrics", "distance_penalty", "samples", "excess_nats", "sun_and_clouds",
                          "order_over_image", "generation", "step_maps", "jump_lengths", "blobs",
                          "neighbour_steps", "log_likelihood", "loss_curves", "held_out_likelihood",
                          "reconstructions", "tokenizer_curves"));
  EXPECT_THAT(ids_of(results({})), IsEmpty());
}

TEST(Figures, EachHasWordsForThoseWhoSeeItAndThoseWhoDoNot) {
  for (const FigureSpec& spec : figures_of(example::all_figures())) {
    for (const std::string& words : {spec.title, spec.caption, spec.alt}) {
      EXPECT_THAT(words, Not(IsEmpty())) << spec.id;
      EXPECT_EQ(words.find_first_of("\n\t"), std::string::npos) << spec.id;
    }
    EXPECT_THAT(spec.caption, HasSubstr("?")) << spec.id;  // the question that it answers
    EXPECT_EQ(spec.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string::npos);
    EXPECT_TRUE(spec.drawing.contains("kind")) << spec.id;
    const char* parts = spec.drawing.at("kind") == "images" ? "rows" : "panels";
    EXPECT_THAT(spec.drawing.at(parts), Not(IsEmpty())) << spec.id;
  }
}

TEST(Figures, ManyRecipesLeaveAtMost24PanelsAndTheCaptionSaysSo) {
  std::vector<json> cells;
  for (int i = 0; i < 30; ++i) {
    json one = cell("recipe" + std::to_string(i), 0, json::array({fid(i)}));
    one["order_statistics"] = {{"blobs", {1, 2, 1}},
                               {"mean_step_of", {{0.0, 1.0}}},
                               {"histogram", {{"edges", {0, 1}}, {"counts", {1}}}}};
    cells.push_back(one);
  }
  const json made = results(cells);
  EXPECT_THAT(figure("blobs", made).drawing.at("panels"), SizeIs(24));
  EXPECT_EQ(figure("blobs", made).drawing.at("others_behind"), true);
  EXPECT_THAT(figure("blobs", made).caption, HasSubstr("Shown: the first 24 of 30 recipes."));
  EXPECT_THAT(figure("jump_lengths", made).drawing.at("panels"), SizeIs(24));
  EXPECT_THAT(figure("step_maps", made).drawing.at("panels"), SizeIs(12));  // two maps each
  EXPECT_THAT(figure("metrics", made).drawing.at("rows"), SizeIs(30));
}

TEST(FigureNames, AreShortAndUnlikeEachOther) {
  EXPECT_THAT(report::short_names({"oar, generate.distance_penalty=0.5, generate.top_k=8",
                                   "oar, relabel.distance_penalty=1", "a\nb"}),
              ElementsAre("oar, λ=0.5, top_k=8", "oar, relabel λ=1", "a b"));
  const std::string same(60, 'x');
  const auto names = report::short_names({same + "1" + same, same + "2" + same});
  EXPECT_EQ(names[0], std::string(19, 'x') + "…" + std::string(14, 'x') + " (row 1)");
  EXPECT_NE(names[0], names[1]);
}

TEST(ExhibitPath, LeadsToNoOtherFolder) {
  EXPECT_TRUE(is_exhibit_path("exhibits/0123456789ab/000.png"));
  EXPECT_TRUE(is_exhibit_path("exhibits/0123456789ab/original_000.png"));
  for (const char* other :
       {"", "000.png", "/exhibits/a/000.png", "exhibits/000.png", "exhibits/../000.png",
        "exhibits/a/../000.png", "exhibits/a/b/000.png", "exhibits/a/.png", "exhibits/a/000.svg",
        "exhibits//000.png", "exhibits/a/x y.png", "exhibits/a/é.png", "exhibits/.a/000.png"}) {
    EXPECT_FALSE(is_exhibit_path(other)) << other;
  }
}

TEST(Figures, RefusesExhibitsThatLeadElsewhereAndOrdersThatAreNone) {
  json one = cell("oar", 0, json::array());
  one["samples"] = {
      {"grid", {1, 2}}, {"position_at", {{0, 0}}}, {"images", {"exhibits/a/../../secret.png"}}};
  EXPECT_THAT(ids_of(results({one})), IsEmpty());
  one["samples"]["position_at"] = {{1, 0}};
  const FigureSpec spec = figure("order_over_image", results({one}));
  EXPECT_FALSE(spec.drawing.at("panels").at(0).contains("image"));
}

/// Replaces every part of a record by wrong values in turn.
void replace_each(json& whole, json& part, int depth) {
  static const std::vector<json> wrong = {
      nullptr, -1, 1e300, "x", json::array(), json::object(), json::array({nullptr}), true};
  const json kept = part;
  for (const json& value : wrong) {
    part = value;
    EXPECT_NO_THROW(figures_of(whole)) << whole.dump().substr(0, 200);
  }
  part = kept;
  if (depth == 0 || !part.is_structured()) return;
  size_t seen = 0;
  for (json& inner : part) {
    if (++seen > 20) break;
    replace_each(whole, inner, depth - 1);
  }
}

TEST(Figures, ComeOutOfAnyJson) {
  json made = example::all_figures();
  made["cells"].erase(made["cells"].begin() + 2, made["cells"].end());
  replace_each(made, made["cells"][0], 4);
  replace_each(made, made, 1);
}

}  // namespace
}  // namespace oar
