#include "reports/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "tests/reports/example_results.h"

namespace oar {
namespace {

using example::cell;
using example::distance;
using example::failed;
using example::fid;
using example::results;
using example::stage;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFidHeader =
    "| recipe | seeds | FID[efficientnet_lite0] ↓ |\n| --- | --- | ---: |\n";

TEST(MetricTable, ShowsMeanAndSampleStandardDeviationOverSeeds) {
  const std::string report = render_markdown(results({cell("oar", 0, {fid(10), distance(4.3)}),  //
                                                      cell("oar", 1, {fid(12), distance(4.3)}),  //
                                                      cell("oar", 2, {fid(14), distance(4.3)})}));
  EXPECT_THAT(
      report,
      HasSubstr("| recipe | seeds | FID[efficientnet_lite0] ↓ | inter-patch distance (patches) |\n"
                "| --- | --- | ---: | ---: |\n"
                "| oar | n=3 | 12.0 ± 5.0 | 4.300 ± 0 |\n"));
}

TEST(MetricTable, ShowsNoSpreadForOneSeed) {
  const std::string report = render_markdown(results({cell("oar", 0, {fid(12.8)})}));
  EXPECT_THAT(report, HasSubstr(std::string(kFidHeader) + "| oar | n=1 | 12.80 |\n"));
}

TEST(MetricTable, PointsAnArrowToTheBetterSide) {
  json score = example::metric("isc", "IS", 3.1, true);
  score["stddev"] = 0.123;
  const std::string report = render_markdown(results({cell("oar", 0, {score})}));
  EXPECT_THAT(report, HasSubstr("| recipe | seeds | IS ↑ |\n"));
  EXPECT_THAT(report, HasSubstr("| oar | n=1 | 3.100 [splits ± 0.12] |\n"));
}

TEST(MetricTable, StatesTheSpreadOfKidOverItsSubsets) {
  json kid = example::metric("kid", "KID", 0.045, false);
  kid.update({{"stddev", 0.002}, {"kid_subsets", 100}, {"kid_subset_size", 300}});
  const std::string report = render_markdown(results({cell("oar", 0, {kid})}));
  EXPECT_THAT(report, HasSubstr("| oar | n=1 | 0.04500 [subsets ± 0.0020] |\n"));
  EXPECT_THAT(
      report,
      HasSubstr("- KID ↓: in brackets its own spread (100 subsets of 300), mean of the seeds.\n"));
}

TEST(MetricTable, CaptionStatesExtractorNReferenceAndConvention) {
  EXPECT_THAT(
      render_markdown(results({cell("oar", 0, {fid(12.8)})})),
      HasSubstr("- **FID[efficientnet_lite0] ↓**: N = 500 generated images; 900 reference images; "
                "reference train; "
                "features of efficientnet_lite0; weights SHA-256 aaaaaaaaaaaa…; convention "
                "torch_fidelity; "
                "data set sunset; image side 64 pixels; metric version 1; computed on cpu.\n"));
}

TEST(MetricTable, LeavesOutCellsThatDidNotEndAndCountsThem) {
  const json diverged = failed(cell("oar", 1, {fid(99)}), "diverged", "loss is not finite");
  EXPECT_THAT(render_markdown(results({cell("oar", 0, {fid(12.8)}), diverged})),
              HasSubstr("| oar | n=1 of 2 | 12.80 |\n"));
}

TEST(MetricTable, ShowsAFailureWhereNoSeedEnded) {
  const std::string report = render_markdown(
      results({cell("raster", 0, {fid(40.7)}),
               failed(cell("oar", 0, json::array()), "failed", "out of memory"),
               failed(cell("oar", 1, json::array()), "diverged", "loss is not finite")}));
  EXPECT_THAT(report,
              HasSubstr(std::string(kFidHeader) +
                        "| raster | n=1 | 40.70 |\n| oar | n=0 of 2 | failed, diverged |\n"));
  EXPECT_THAT(report, HasSubstr("| cell | status | reason |\n"
                                "| --- | --- | --- |\n"
                                "| recipe=oar,seed=0 | failed | out of memory |\n"
                                "| recipe=oar,seed=1 | diverged | loss is not finite |\n"));
  EXPECT_THAT(report, HasSubstr("3 cells: 1 done, 1 diverged, 1 failed. Seeds: 0, 1."));
}

TEST(MetricTable, ShowsStatusesWhereNothingEnded) {
  EXPECT_THAT(
      render_markdown(results({failed(cell("oar", 0, json::array()), "interrupted", "signal 2")})),
      HasSubstr(
          "| recipe | seeds | result |\n| --- | --- | ---: |\n| oar | n=0 of 1 | interrupted |\n"));
}

TEST(MetricTable, ShowsNoNumberForNan) {
  EXPECT_THAT(
      render_markdown(results({cell("oar", 0, {fid(std::numeric_limits<double>::quiet_NaN())})})),
      HasSubstr("| oar | n=1 | not finite |\n"));
  EXPECT_THAT(render_markdown(results({cell("oar", 0, {fid(nullptr)})})),
              HasSubstr("| oar | n=1 | not finite |\n"));
  EXPECT_THAT(render_markdown(results({cell("oar", 0, {fid(10)}), cell("oar", 1, {fid(nullptr)})})),
              HasSubstr("| oar | n=2 | 10.00 (1 not finite) |\n"));
}

TEST(MetricTable, SaysHowManySeedsAValueHasWhereSomeLackIt) {
  EXPECT_THAT(render_markdown(results({cell("oar", 0, {fid(10)}), cell("oar", 1, json::array())})),
              HasSubstr("| oar | n=2 | 10.00 (n=1) |\n"));
  EXPECT_THAT(
      render_markdown(results({cell("raster", 0, {fid(10)}), cell("oar", 1, json::array())})),
      HasSubstr("| oar | n=1 | – |\n"));
}

TEST(MetricTable, NeverAveragesNumbersMeasuredInDifferentWays) {
  for (const auto& [key, other] :
       std::vector<std::pair<const char*, json>>{{"num_generated", 1000},
                                                 {"num_reference", 10},
                                                 {"reference", "held_out"},
                                                 {"extractor", "inception_v3"},
                                                 {"convention", "clean_fid"},
                                                 {"weights_sha256", std::string(64, 'b')},
                                                 {"version", 2}}) {
    json second = fid(20);
    second[key] = other;
    const std::string report =
        render_markdown(results({cell("oar", 0, {fid(10)}), cell("oar", 1, {second})}));
    EXPECT_THAT(
        report,
        HasSubstr(
            "| recipe | seeds | FID[efficientnet_lite0] ↓ (a) | FID[efficientnet_lite0] ↓ (b) |\n"
            "| --- | --- | ---: | ---: |\n"
            "| oar | n=2 | 10.00 (n=1) | 20.00 (n=1) |\n"))
        << key;
    EXPECT_THAT(report, HasSubstr("do not compare across them")) << key;
  }
}

TEST(MetricTable, GivesEveryFurtherLabelARowOfItsOwn) {
  json near = cell("oar", 0, {fid(10)});
  json far = cell("oar", 0, {fid(20)});
  near["labels"]["generate.distance_penalty"] = 0.5;
  far["labels"]["generate.distance_penalty"] = 0.0;
  const std::string report = render_markdown(results({near, far}));
  EXPECT_THAT(report, HasSubstr("| oar, generate.distance_penalty=0.5 | n=1 | 10.00 |\n"
                                "| oar, generate.distance_penalty=0.0 | n=1 | 20.00 |\n"));
}

TEST(MetricTable, HasOneTablePerValueOfTheColumnsLabel) {
  json absolute = cell("oar", 0, {fid(10)});
  json relative = cell("oar", 0, {fid(20)});
  absolute["labels"]["model.next_encoding"] = "absolute";
  relative["recipe"]["model"] = {{"next_encoding", "relative"}};  // no label: the recipe tells
  json file = results({absolute, relative});
  file["report"]["columns"] = "model.next_encoding";
  const std::string report = render_markdown(file);
  EXPECT_THAT(report, HasSubstr("### model.next_encoding = absolute\n\n" + std::string(kFidHeader) +
                                "| oar | n=1 | 10.00 |\n"));
  EXPECT_THAT(report, HasSubstr("### model.next_encoding = relative\n\n" + std::string(kFidHeader) +
                                "| oar | n=1 | 20.00 |\n"));
}

TEST(MetricTable, SaysThatFewSeedsDecideNothing) {
  std::vector<json> cells = {cell("oar", 0, {fid(1)}), cell("oar", 1, {fid(2)}),
                             cell("oar", 2, {fid(3)})};
  EXPECT_THAT(render_markdown(results(cells)), HasSubstr("fewer than 4 seeds"));
  cells.push_back(cell("oar", 3, {fid(4)}));
  EXPECT_THAT(render_markdown(results(cells)), Not(HasSubstr("fewer than 4 seeds")));
}

TEST(Report, EscapesWhatUsersWrote) {
  json file =
      results({failed(cell("a|b", 0, json::array()), "failed", "first\nsecond `x` <script>")});
  file["name"] = "mine\n# not a heading";
  const std::string report = render_markdown(file);
  EXPECT_THAT(report, HasSubstr("# mine # not a heading\n"));
  EXPECT_THAT(report, HasSubstr(R"(| a\|b | n=0 of 1 | failed |)"));
  EXPECT_THAT(report,
              HasSubstr(R"(| recipe=a\|b,seed=0 | failed | first second \`x\` &lt;script&gt; |)"));
}

TEST(Report, TellsWhatEachRecipeDoes) {
  const std::string report =
      render_markdown(results({cell("raster", 0, {}), cell("oar_finetuned", 0, {})}));
  EXPECT_THAT(
      report,
      HasSubstr("| raster | sunset 64×64 | raster | 1000 | not fine-tuned | – | raster | 0.5 |\n"));
  EXPECT_THAT(
      report,
      HasSubstr("| oar_finetuned | sunset 64×64 | random | 1000 | oar | 250 | oar | 0.5 |\n"));
}

TEST(Report, CountsATokenizerThatSeedsAndRecipesShareOnce) {
  const json quality = {{"reconstruction",
                         {{"psnr", 21.3},
                          {"rfid", 29.4},
                          {"extractor", "net"},
                          {"images", 64},
                          {"split", "held_out"}}}};
  const json usage = {{"codebook_usage", 0.93}, {"perplexity", 143.2}};
  std::vector<json> cells;
  for (const char* name : {"raster", "oar"}) {
    for (const int seed : {0, 1}) {
      cells.push_back(cell(name, seed, json::array()));
      cells.back()["stages"] = {stage("tokenizer", "t", 60, quality),
                                stage("tokens", "k", 6, usage)};
    }
  }
  const std::string report = render_markdown(results(cells));
  EXPECT_THAT(report, HasSubstr("| used by | n | PSNR (dB) ↑ | rFID[net] ↓ | codebook used (share) "
                                "↑ | perplexity (codes) ↑ |\n"
                                "| --- | ---: | ---: | ---: | ---: | ---: |\n"
                                "| raster, oar | 1 | 21.30 | 29.40 | 0.9300 | 143.2 |\n"));
  EXPECT_THAT(report, HasSubstr("Reconstructed: 64 held_out images."));
}

TEST(Report, CountsTheMinutesOfASharedStageOnce) {
  json random = cell("random", 0, json::array());
  json oar = cell("oar", 0, json::array());
  random["stages"] = {stage("any_order", "m", 120), stage("samples", "r", 30)};
  oar["stages"] = {stage("any_order", "m", 120), stage("orders", "l", 30),
                   stage("samples", "o", 90)};
  oar["stages"][2]["cached"] = true;
  const std::string report = render_markdown(results({random, oar}));
  EXPECT_THAT(report, HasSubstr("| stage | used by | runs | from the store | minutes each |\n"
                                "| --- | --- | ---: | ---: | ---: |\n"
                                "| any_order | all | 1 | 0 | 2.00 |\n"
                                "| samples | random | 1 | 0 | 0.50 |\n"
                                "| samples | oar | 1 | 1 | 1.50 |\n"
                                "| orders | oar | 1 | 0 | 0.50 |\n"));
  EXPECT_THAT(report, HasSubstr("Computed for this report: 3.00 minutes."));
}

TEST(Report, ShowsHeldOutLikelihoodAndFinalLossOfEachModel) {
  json nats = example::metric("nats_per_image", "held-out NLL", 83.5, false);
  nats["unit"] = "nats/image";
  json raster = cell("raster", 0, {nats});
  raster["stages"] = {stage("any_order", "m", 60, {{"final_loss", 1.31}})};
  EXPECT_THAT(
      render_markdown(results({raster})),
      HasSubstr(
          "| used by | n | held-out NLL (nats/image) ↓ | final loss, any_order (nats/patch) ↓ |\n"
          "| --- | ---: | ---: | ---: |\n"
          "| raster | 1 | 83.50 | 1.310 |\n"));
}

TEST(Report, NeverShowsTheLikelihoodOfAPeekingOrderWithoutSayingSo) {
  json tuned = cell("oar_finetuned", 0, json::array());
  tuned["stages"] = {stage("orders", "o", 1, {{"peeks", true}}),
                     stage("specialist", "s", 1, {{"final_loss", 1.05}})};
  const std::string report = render_markdown(results({tuned}));
  EXPECT_THAT(report, HasSubstr("| oar_finetuned | 1 | 1.050 † |\n"));
  EXPECT_THAT(report, HasSubstr("† under an order that peeks"));
  EXPECT_THAT(report, HasSubstr("- **oar_finetuned** uses orders that *peek*"));
}

TEST(Report, ListsDroppedImagesWithTheirReasons) {
  json oar = cell("oar", 0, json::array());
  const json dropped = {{{"file", "7.jpg"}, {"reason", "cannot be decoded"}}};
  oar["stages"] = {stage("dataset", "d", 1,
                         {{"images", 90},
                          {"train", 81},
                          {"held_out", 9},
                          {"rejected_count", 1},
                          {"rejected", dropped}})};
  const std::string report = render_markdown(results({oar, oar}));
  EXPECT_THAT(report, HasSubstr("| sunset | 90 | 81 | 9 | 1 |\n\n"));
  EXPECT_THAT(report, HasSubstr("- 7.jpg: cannot be decoded\n"));
}

TEST(Report, SaysHowToRunItAgain) {
  json file = results({cell("oar", 0, json::array())});
  EXPECT_THAT(render_markdown(file),
              HasSubstr("```\ngit checkout 0123abcd\noar-bench run SWEEP.json\n```\n"));
  EXPECT_THAT(render_markdown(file), Not(HasSubstr("uncommitted")));
  file["context"]["tree_clean"] = false;
  EXPECT_THAT(render_markdown(file), HasSubstr("built from a tree with uncommitted changes"));
  file["context"]["commit"] = "x; rm -r .";
  EXPECT_THAT(render_markdown(file), Not(HasSubstr("git checkout")));
}

TEST(Report, EndsWithTheContext) {
  EXPECT_THAT(
      render_markdown(results({})),
      ::testing::EndsWith(
          "## Context\n\n"
          "- commit: 0123abcd\n"
          "- tree clean: true\n"
          "- device: cpu\n"
          "- processor: a processor\n"
          "- instruction sets: avx2, fma\n"
          "- threads: 2\n"
          "- versions: compiler g++ 12.2.0, libtorch 2.11.0, oar_bench 0.1.0, opencv 4.6.0\n"
          "- schema version: 1\n"));
}

TEST(Report, WarnsOfASchemaItDoesNotKnow) {
  json file = results({});
  file["schema_version"] = 2;
  EXPECT_THAT(render_markdown(file),
              HasSubstr("**This report reads schema version 1; the file states 2."));
}

/// Replaces one value after another, at every depth, by each of several wrong ones.
void with_each_value_replaced(const json& file, const std::function<void(const json&)>& visit) {
  const json leaves = file.flatten();
  for (const auto& [pointer, value] : leaves.items()) {
    for (json::json_pointer at(pointer); !at.empty(); at = at.parent_pointer()) {
      for (const json& wrong :
           {json(), json(-1), json("x"), json::array({1}), json{{"x", 1}}, json(true)}) {
        json changed = file;
        changed[at] = wrong;
        visit(changed);
      }
    }
  }
}

TEST(Report, KeepsItsFrameWhateverASingleFieldHolds) {
  json oar = cell("oar", 0, {fid(1)});
  oar["stages"] = {stage("tokenizer", "t", 1, {{"reconstruction", {{"psnr", 20.0}}}}),
                   stage("orders", "o", 1,
                         {{"peeks", true}, {"num_orders", 3}, {"agreement", {{"images", 2}}}})};
  oar["order_statistics"] = {
      {"mean_step_of", {{0, 1}}},
      {"peeks", true},
      {"num_orders", 3},
      {"signatures",
       json::array({{{"name", "jumping"}, {"present", true}, {"sentence", "It is."}}})},
      {"histogram", {{"edges", {0, 1}}, {"counts", {3}}}}};
  with_each_value_replaced(results({oar}), [](const json& changed) {
    const std::string report = render_markdown(changed);
    EXPECT_THAT(report, HasSubstr("## What was run")) << changed.dump();
    EXPECT_THAT(report, HasSubstr("- schema version: ")) << changed.dump();
    EXPECT_FALSE(render_table(changed).empty()) << changed.dump();
    validate_results(changed);
  });
  for (const json& nothing : {json(), json(1), json::array(), json::object()}) {
    EXPECT_THAT(render_markdown(nothing), HasSubstr("No cell has been run."));
    EXPECT_EQ(render_table(nothing), "no cell has been run\n");
  }
}

json three_seeds(const std::string& name, const std::vector<double>& values) {
  json cells = json::array();
  for (size_t seed = 0; seed < values.size(); ++seed) {
    cells.push_back(cell(name, static_cast<int>(seed), {fid(values[seed])}));
  }
  return cells;
}

std::string table_of(const std::vector<json>& rows) {
  std::vector<json> cells;
  for (const json& row : rows) cells.insert(cells.end(), row.begin(), row.end());
  return render_markdown(results(cells));
}

TEST(MetricTable, TheBestIsBoldWhereItIsBetterThanEveryOtherRow) {
  const std::string report =
      table_of({three_seeds("raster", {40, 41, 42.5}), three_seeds("random", {60, 62, 63}),
                three_seeds("oar", {70, 71, 75})});
  EXPECT_THAT(report, HasSubstr("| raster | n=3 | **41.2 ± 3.1** |"));
  EXPECT_THAT(report, HasSubstr("| random | n=3 | 61.7 ± 3.8 |"));
  EXPECT_THAT(report, HasSubstr("Bold: the best of its column"));
}

TEST(MetricTable, NothingIsBoldWhereOneOtherRowMayBeAsGoodOrSeedsAreFew) {
  // Differences 1, -2 and 0.5: no paired test tells them from 0.
  EXPECT_THAT(table_of({three_seeds("raster", {40, 41, 42}), three_seeds("random", {41, 39, 42.5}),
                        three_seeds("oar", {170, 171, 172})}),
              Not(HasSubstr("**4")));
  EXPECT_THAT(table_of({three_seeds("raster", {40, 41}), three_seeds("random", {140, 141})}),
              Not(HasSubstr("Bold:")));
  EXPECT_THAT(table_of({three_seeds("raster", {40, 41, 42})}), Not(HasSubstr("Bold:")));
}

TEST(TerminalTable, LinesUpNumbersUnderTheirHeadings) {
  EXPECT_EQ(render_table(results({cell("raster", 0, {fid(40), distance(1.667)}),
                                  cell("raster", 1, {fid(42), distance(1.667)}),
                                  cell("oar", 0, {fid(133), distance(3.3)})})),
            "                                       inter-patch\n"
            "                                  FID     distance\n"
            "recipe  seeds  [efficientnet_lite0] ↓    (patches)\n"
            "──────  ─────  ──────────────────────  ───────────\n"
            "raster  n=2                   41 ± 13    1.667 ± 0\n"
            "oar     n=1                     133.0        3.300\n");
}

TEST(TerminalTable, NamesTheCellsThatDidNotEnd) {
  const std::string table = render_table(
      results({failed(cell("oar", 0, json::array()), "failed", "line one\n\x1b[31mline two")}));
  EXPECT_EQ(table,
            "recipe  seeds     result\n"
            "──────  ────────  ──────\n"
            "oar     n=0 of 1  failed\n"
            "\n"
            "failed: recipe=oar,seed=0: line one [31mline two\n");
}

}  // namespace
}  // namespace oar
