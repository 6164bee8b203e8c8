// What recipes can say of orders, from the sweep file to the record, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "orders/order_policy.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;

/// Recipes over one tiny model of a 2x3 grid of codes, trained for four steps.
json sweep_of(const json& recipes) {
  return {
      {"version", 1},
      {"name", "orders"},
      {"defaults",
       {{"dataset",
         {{"name", "planted_path"},
          {"rows", 2},
          {"cols", 3},
          {"codes", 4},
          {"max_images", 60},
          {"held_out", 0.2}}},
        {"model", {{"layers", 2}, {"width", 32}, {"heads", 2}}},
        {"train", {{"images_seen", 64}, {"batch_size", 16}}},
        {"relabel",
         {{"max_images", 8},
          {"images_seen", 32},
          {"batch_size", 16},
          {"confidence", "max_probability"}}},
        {"generate", {{"num_samples", 6}, {"batch_size", 4}, {"confidence", "max_probability"}}}}},
      {"recipes", recipes}};
}

class OrderOptions : public ProgramTest {
 protected:
  Outcome run_recipes(const json& recipes, std::vector<std::string> more = {}) {
    std::ofstream(folder_ / "sweep.json") << sweep_of(recipes);
    std::vector<std::string> arguments = {"run", "sweep.json", "--store", "store",  "--out",
                                          "out", "--device",   "cpu",     "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  json cells() {
    std::ifstream in(folder_ / "out" / "results.json");
    return json::parse(in).at("cells");
  }

  std::string report() {
    std::ifstream in(folder_ / "out" / "report.md");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  json cell(const std::string& recipe) {
    for (const json& cell : cells()) {
      if (cell.at("labels").at("recipe") == recipe) return cell;
    }
    ADD_FAILURE() << "no cell of recipe " << recipe;
    return {};
  }

  static json stage(const json& cell, const std::string& role) {
    for (const json& stage : cell.at("stages")) {
      if (stage.at("role") == role) return stage;
    }
    ADD_FAILURE() << "no stage " << role;
    return {};
  }
};

TEST_F(OrderOptions, EveryOrderOfTheRegistryGenerates) {
  json recipes;
  std::set<std::string> samples;
  for (const OrderInfo& order : list_orders()) {
    if (order.reads_file || order.own_confidence == Confidence::kLocation) continue;
    recipes[order.name] = {{"relabel", nullptr}, {"generate.order", order.name}};
  }
  const Outcome outcome = run_recipes(recipes);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  for (const json& cell : cells()) {
    EXPECT_EQ(cell.at("status"), "done") << cell.at("id");
    samples.insert(stage(cell, "samples").at("key"));
  }
  EXPECT_EQ(samples.size(), recipes.size());  // orders of another name are other samples
}

TEST_F(OrderOptions, EveryFixedOrderTrains) {
  json recipes;
  for (const OrderInfo& order : list_orders()) {
    if (order.reads_file || order.is_learned) continue;
    recipes[order.name] = {
        {"relabel", nullptr}, {"train.order", order.name}, {"generate.order", "raster"}};
  }
  recipes["random_near"] = {
      {"relabel", nullptr}, {"train.distance_penalty", 1.5}, {"generate.order", "raster"}};
  const Outcome outcome = run_recipes(recipes);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  std::set<std::string> models;
  for (const json& cell : cells()) {
    models.insert(stage(cell, "any_order").at("key"));
    EXPECT_TRUE(stage(cell, "any_order")
                    .at("record")
                    .at("held_out_nats_per_image")
                    .at("trained_order")
                    .is_number());
  }
  EXPECT_EQ(models.size(), recipes.size());
}

TEST_F(OrderOptions, EveryEncodingTrainsAndIsSearched) {
  json recipes;
  for (const char* encoding : {"none", "absolute", "relative", "both", "relative_separable",
                               "sinusoidal", "rotary", "position_token", "both+rotary"}) {
    recipes[encoding] = {{"relabel", nullptr}, {"model.next_encoding", encoding}};
  }
  const Outcome outcome = run_recipes(recipes);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  for (const json& cell : cells()) EXPECT_EQ(cell.at("status"), "done");
}

TEST_F(OrderOptions, RoundsLabelWithTheModelOfTheRoundBefore) {
  const Outcome outcome =
      run_recipes({{"once", json::object()}, {"thrice", {{"relabel.rounds", 3}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  const json once = cell("once"), thrice = cell("thrice");
  EXPECT_EQ(stage(once, "specialist").at("key"), stage(thrice, "specialist_round_1").at("key"));
  EXPECT_EQ(stage(thrice, "specialist").at("record").at("round"), 3);
  EXPECT_NE(stage(thrice, "orders").at("key"), stage(thrice, "orders_round_2").at("key"));
  EXPECT_NE(stage(once, "samples").at("key"), stage(thrice, "samples").at("key"));
}

TEST_F(OrderOptions, ThePlacesCanBeChosenByTheModelBeforeFineTuning) {
  const Outcome outcome =
      run_recipes({{"own", json::object()},
                   {"others", {{"generate.placed_by", "any_order"}}},
                   {"nobody", {{"generate.placed_by", "any_order"}, {"relabel", nullptr}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_EQ(stage(cell("own"), "specialist").at("key"),
            stage(cell("others"), "specialist").at("key"));
  EXPECT_NE(stage(cell("own"), "samples").at("key"), stage(cell("others"), "samples").at("key"));
  EXPECT_EQ(stage(cell("others"), "samples").at("record").at("placed_by"), "any_order");
  EXPECT_EQ(stage(cell("own"), "samples").at("record").at("placed_by"), "model");
  EXPECT_EQ(stage(cell("nobody"), "samples").at("record").at("placed_by"), "model");
}

TEST_F(OrderOptions, ALocationHeadIsFineTunedAndAsked) {
  const Outcome outcome = run_recipes({{"says_where",
                                        {{"relabel.location_head", "on"},
                                         {"relabel.location_distance_penalty", 0.1},
                                         {"generate.order", "location_head"}}},
                                       {"draws_where",
                                        {{"relabel.location_head", "on"},
                                         {"relabel.location_distance_penalty", 0.1},
                                         {"generate.order", "sampled"},
                                         {"generate.confidence", "location"}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_GT(stage(cell("says_where"), "specialist").at("record").at("final_location_loss"), 0.0);
  EXPECT_EQ(stage(cell("says_where"), "specialist").at("key"),
            stage(cell("draws_where"), "specialist").at("key"));
}

TEST_F(OrderOptions, AnApproximateSearchStatesItsAgreementWithTheExactOne) {
  const Outcome outcome = run_recipes({{"exact", json::object()},
                                       {"frontier", {{"relabel.frontier_radius", 1}}},
                                       {"old_scores", {{"relabel.rescore_every", 2}}},
                                       {"pairs", {{"relabel.patches_per_step", 2}}},
                                       {"start", {{"relabel.search_first", 2}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_FALSE(stage(cell("exact"), "orders").at("record").contains("agreement"));
  for (const char* recipe : {"frontier", "old_scores", "pairs", "start"}) {
    const json agreement = stage(cell(recipe), "orders").at("record").at("agreement");
    EXPECT_LE(agreement.at("kendall_tau"), 1.0) << recipe;
    EXPECT_GE(agreement.at("token_evaluations_ratio"), 1.0) << recipe;
    EXPECT_GT(agreement.at("speedup"), 0.0) << recipe;
    EXPECT_EQ(agreement.at("images"), 8) << recipe;
  }
}

TEST_F(OrderOptions, OrdersComeFromAFileAndChangeWithIt) {
  std::ofstream(folder_ / "mine.jsonl") << "[5, 4, 3, 2, 1, 0]\n";
  const json recipes = {{"mine",
                         {{"relabel", nullptr},
                          {"train.order", "from_file"},
                          {"train.order_file", "mine.jsonl"},
                          {"generate.order", "from_file"},
                          {"generate.order_file", "mine.jsonl"}}}};
  Outcome outcome = run_recipes(recipes);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  const json first = cell("mine");
  EXPECT_EQ(first.at("order_statistics").at("raster_tau"), -1.0);
  std::ofstream(folder_ / "mine.jsonl") << "[0, 1, 2, 5, 4, 3]\n";
  outcome = run_recipes(recipes);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(stage(cell("mine"), "any_order").at("key"), stage(first, "any_order").at("key"));
}

TEST_F(OrderOptions, LabelsComeFromAFileOfTheseImagesOrOfOthers) {
  std::ofstream(folder_ / "found.jsonl")
      << R"({"schema_version": 1, "rows": 2, "cols": 3, "order": "oar", "peeks": true})"
      << "\n"
      << R"({"image": 900, "position_at": [5, 4, 3, 2, 1, 0]})"
      << "\n"
      << R"({"image": 901, "position_at": [2, 1, 0, 5, 4, 3]})"
      << "\n";
  const json file = "found.jsonl";
  const Outcome outcome =
      run_recipes({{"drawn",
                    {{"relabel.order", "drawn_from_file"},
                     {"relabel.order_file", file},
                     {"generate.order", "drawn_from_file"},
                     {"generate.order_file", file}}},
                   {"looked_up", {{"relabel.order", "from_file"}, {"relabel.order_file", file}}}});
  EXPECT_EQ(outcome.code, 1);  // nobody's image is called 900
  EXPECT_THAT(outcome.text, HasSubstr("no order is given for image"));
  const json drawn = cell("drawn"), labels = stage(drawn, "orders").at("record");
  EXPECT_EQ(drawn.at("status"), "done");
  EXPECT_EQ(labels.at("peeks"), false);  // drawn orders know nothing of the image
  for (const json& orders : {labels, drawn.at("order_statistics")}) {
    // Of the two orders one goes backwards row by row, the other within each row.
    const double first_row = orders.at("mean_step_of").at(0).at(0).get<double>();
    EXPECT_TRUE(first_row >= 2 && first_row <= 5) << first_row;
    EXPECT_NEAR(orders.at("neighbour_share").get<double>(), 0.8, 1e-12);  // 4 of 5 steps, in both
  }
}

TEST_F(OrderOptions, LabelsThatWereFoundForEachImagePeekUnlessTheirFileSaysNo) {
  const auto peeks_with = [&](const std::string& head) {
    std::ofstream file(folder_ / "found.jsonl");
    file << head;
    for (int image = 0; image < 60; ++image) file << "[5, 4, 3, 2, 1, 0]\n";
    file.close();
    const Outcome outcome = run_recipes(
        {{"own", {{"relabel.order", "from_file"}, {"relabel.order_file", "found.jsonl"}}}});
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    return stage(cell("own"), "orders").at("record").at("peeks").get<bool>();
  };
  EXPECT_TRUE(peeks_with(""));
  EXPECT_TRUE(peeks_with(R"({"schema_version": 1, "rows": 2, "cols": 3, "peeks": true})"
                         "\n"));
  EXPECT_FALSE(peeks_with(R"({"schema_version": 1, "rows": 2, "cols": 3, "peeks": false})"
                          "\n"));
}

TEST_F(OrderOptions, AnImageLearnedByHeartIsPredictedAtEveryStepTrains) {
  json sweep = sweep_of({{"one", {{"relabel", nullptr}}}});
  sweep["defaults"]["dataset"]["max_images"] = 1;
  sweep["defaults"]["dataset"]["held_out"] = 0;
  sweep["defaults"]["dataset"]["noise"] = 1;
  sweep["defaults"]["train"] = {{"images_seen", 4800}, {"batch_size", 8}, {"learning_rate", 0.003}};
  sweep["defaults"]["model"]["dropout"] = 0;
  sweep["defaults"]["evaluate"] = {{"accuracy_images", 5}};
  std::ofstream(folder_ / "sweep.json") << sweep;
  const Outcome outcome =
      run({"run", "sweep.json", "--store", "store", "--out", "out", "--device", "cpu", "--quiet"});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  const json one = cell("one"), record = stage(one, "accuracy").at("record");
  EXPECT_EQ(record.at("images"), 1);
  EXPECT_EQ(record.at("split"), "train");
  EXPECT_EQ(record.at("by_step"), json({1, 1, 1, 1, 1, 1}));
  std::map<std::string, json> metrics;
  for (const json& metric : one.at("metrics")) metrics[metric.at("metric")] = metric;
  EXPECT_EQ(metrics.at("code_accuracy").at("value"), 1.0);
  EXPECT_EQ(metrics.at("code_accuracy_lowest").at("value"), 1.0);
}

TEST_F(OrderOptions, WhatCannotBeIsRefusedBeforeAnythingIsTrained) {
  std::ofstream(folder_ / "small.jsonl") << "[1, 0]\n";
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"generate.order", "location_head"}}, "relabel.location_head"},
      {{{"generate.confidence", "location"}}, "relabel.location_head"},
      {{{"relabel.order", "location_head"}}, "its labels are what the head learns from"},
      {{{"train.order", "oar"}}, "is found by a model that is trained already"},
      {{{"generate.order", "locality_groups"}, {"generate.groups", 7}}, "7"},
      {{{"generate.order", "from_file"}}, "order_file is empty"},
      {{{"relabel.order", "drawn_from_file"}}, "order_file is empty"},
      {{{"relabel.order", "drawn_from_file"}, {"relabel.order_file", "no.jsonl"}},
       "there is no file \"no.jsonl\""},
      {{{"relabel.order", "raster"}}, "order for labels"},
      {{{"generate.order", "from_file"}, {"generate.order_file", "small.jsonl"}}, "small.jsonl"},
      {{{"model.next_encoding", "none+rotary"}}, "stands alone"},
      {{{"model.layers", 1}, {"relabel.location_head", "on"}}, "at least two layers"},
      {{{"train.order", "annealed"}, {"train.anneal_start", 0.9}}, "anneal_start"}};
  for (const auto& [recipe, message] : cases) {
    const Outcome outcome = run_recipes({{"wrong", recipe}});
    EXPECT_THAT(outcome.text, HasSubstr(message)) << recipe;
    EXPECT_TRUE(outcome.code == 2 || outcome.code == 65) << recipe << outcome.text;
    EXPECT_FALSE(fs::exists(folder_ / "store" / "any_order")) << recipe;
  }
}

TEST_F(OrderOptions, TheMemoryOfASearchChangesNoResult) {
  const json recipes = {{"oar", {{"relabel", nullptr}}}};
  ASSERT_EQ(run_recipes(recipes).code, 0);
  const json with_much = cell("oar");
  fs::remove_all(folder_ / "store");
  const Outcome tight = run_recipes(recipes, {"--memory", "4MiB"});
  ASSERT_EQ(tight.code, 0) << tight.text;
  EXPECT_EQ(cell("oar").at("order_statistics"), with_much.at("order_statistics"));
  fs::remove_all(folder_ / "store");
  const Outcome too_little = run_recipes(recipes, {"--memory", "1KiB"});
  EXPECT_EQ(too_little.code, 1);
  EXPECT_THAT(too_little.text, HasSubstr("needs at least"));
  const json signature = cell("oar").at("signatures").at(0);
  EXPECT_EQ(signature.at("name"), "memory");
  EXPECT_EQ(signature.at("present"), true);
  EXPECT_THAT(report(), HasSubstr("- **oar: memory**, 1 of 1 seeds. "));
  EXPECT_EQ(run_recipes(recipes, {"--memory", "much"}).code, 2);
}

}  // namespace
}  // namespace oar
