// The stages of a whole sweep: what is shared, and what is worth a key of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/stages/pipeline.h"
#include "harness/stages/work.h"
#include "models/vqgan/vqgan_file.h"

namespace oar {
namespace {

using ::testing::HasSubstr;

/// The paper's four rows over three seeds, with `more` members at the end of the file.
std::string paper(const std::string& more = "") {
  return R"({
    "version": 1,
    "defaults": {
      "dataset": {"name": "sunset", "image_size": 32},
      "tokenizer": {"preset": "nano"}, "model": {"preset": "nano"}},
    "recipes": {
      "raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
      "random": {"relabel": null, "generate.order": "random"},
      "oar": {"relabel": null},
      "oar_finetuned": {"relabel": {}}},
    "seeds": [0, 1, 2])" +
         more + "}";
}

SweepPlan plan_of(const std::string& sweep, const std::vector<std::string>& set = {}) {
  return plan_sweep(parse_sweep(sweep, "sweep.json", set, known_names()).cells, {});
}

/// The keys of every cell, role by role.
std::vector<std::map<std::string, std::string>> keys_of(const SweepPlan& plan) {
  std::vector<std::map<std::string, std::string>> keys;
  for (const auto& cell : plan.cells) {
    auto& of_cell = keys.emplace_back();
    for (const auto& [role, stage] : cell) of_cell[role] = plan.stages[stage].node.key;
  }
  return keys;
}

TEST(PlanSweep, ThePapersFourRecipesOverThreeSeedsRunEachSharedStageOnce) {
  std::map<std::string, int> stages;
  for (const PlannedStage& stage : plan_of(paper()).stages) ++stages[stage.node.stage];
  EXPECT_EQ(stages, (std::map<std::string, int>{
                        {"dataset", 1},
                        {"tokenizer", 1},
                        {"tokens", 1},
                        {"reconstructions", 1},
                        {"any_order", 6},   // raster and random order, three seeds each
                        {"orders", 3},      // one for each seed's any-order model
                        {"specialist", 3},  //
                        {"samples", 12},    // one for each cell, and what follows from them
                        {"features", 13},   // ... and the reference, once
                        {"scores", 12},
                        {"order_statistics", 12},
                        {"known_answer", 12}}));
}

TEST(PlanSweep, EachKeyStandsOnceAfterItsInputs) {
  std::set<std::string> made;
  for (const PlannedStage& stage : plan_of(paper()).stages) {
    for (const StageInput& input : stage.node.inputs) EXPECT_TRUE(made.contains(input.key));
    EXPECT_TRUE(made.insert(stage.node.key).second) << stage.role;
  }
}

TEST(PlanSweep, ACellHasTheStagesThatItHasAlone) {
  const auto cells = parse_sweep(paper(), "sweep.json", {}, known_names()).cells;
  const SweepPlan plan = plan_sweep(cells, {});
  for (size_t i = 0; i < cells.size(); ++i) {
    const auto alone = plan_cell(cells[i].recipe, cells[i].seed, {});
    ASSERT_EQ(alone.size(), plan.cells[i].size()) << cells[i].id;
    for (size_t k = 0; k < alone.size(); ++k) {
      const auto& [role, stage] = plan.cells[i][k];
      EXPECT_EQ(alone[k].role, role);
      EXPECT_EQ(alone[k].node.key, plan.stages[stage].node.key) << cells[i].id << " " << role;
    }
  }
}

TEST(PlanSweep, ReportGatesNamesStrategyAndTheOrderOfKeysChangeNoKey) {
  const auto keys = keys_of(plan_of(paper()));
  EXPECT_EQ(keys, keys_of(plan_of(paper(
                      R"(, "name": "another", "report": {"rows": "seed", "columns": "recipe"})"))));
  EXPECT_EQ(keys,
            keys_of(plan_of(paper(R"(, "strategy": {"fail_fast": true}, "x-note": "hers")"))));
  EXPECT_EQ(keys, keys_of(plan_of(paper(
                      R"(, "baseline": {"recipe": "raster"},
                         "gates": [{"metric": "fid", "max_regression": "3%", "max": 50}])"))));
  std::string renamed = paper();  // a recipe's name is no part of what it computes
  for (size_t at = 0; (at = renamed.find("oar_finetuned", at)) != std::string::npos;) {
    renamed.replace(at, 13, "ours");
  }
  EXPECT_EQ(keys, keys_of(plan_of(renamed)));
  std::string turned = paper();
  const std::string first = R"("tokenizer": {"preset": "nano"}, "model": {"preset": "nano"})";
  turned.replace(turned.find(first), first.size(),
                 R"("model": {"preset": "nano"}, "tokenizer": {"preset": "nano"})");
  EXPECT_EQ(keys, keys_of(plan_of(turned)));
}

TEST(PlanSweep, EditingTheTrainingChangesItsKeyAndThoseAfterIt) {
  const auto before = keys_of(plan_of(paper())),
             after = keys_of(plan_of(paper(), {"train.images_seen=1000"}));
  for (const char* role : {"dataset", "tokenizer", "tokens", "reference_features"}) {
    EXPECT_EQ(before[9].at(role), after[9].at(role)) << role;
  }
  for (const char* role : {"any_order", "orders", "specialist", "samples", "generated_features",
                           "scores", "order_statistics", "known_answer"}) {
    EXPECT_NE(before[9].at(role), after[9].at(role)) << role;
  }
}

TEST(PlanSweep, DamageToTheCodesIsThatOfTheTokensAlone) {
  const auto before = keys_of(plan_of(paper()))[9];
  EXPECT_EQ(before,
            keys_of(plan_of(paper(), {"tokenizer.merge_codes=0", "tokenizer.code_noise=0",
                                      "tokenizer.normalised_codes=off", "tokenizer.legacy_beta=off",
                                      "tokenizer.commitment=0.25", "tokenizer.dead_after=20",
                                      "tokenizer.micro_batch=0", "tokenizer.codebook_decay=0.5",
                                      "tokenizer.codebook_start=k_means"}))[9]);
  for (const char* damage : {"tokenizer.merge_codes=16", "tokenizer.code_noise=0.1"}) {
    const auto after = keys_of(plan_of(paper(), {damage}))[9];
    EXPECT_EQ(before.at("tokenizer"), after.at("tokenizer")) << damage;
    EXPECT_NE(before.at("tokens"), after.at("tokens")) << damage;
    EXPECT_NE(before.at("samples"), after.at("samples")) << damage;
    EXPECT_EQ(before.at("reference_features"), after.at("reference_features")) << damage;
  }
  for (const char* training :
       {"tokenizer.normalised_codes=on", "tokenizer.legacy_beta=on", "tokenizer.commitment=1",
        "tokenizer.dead_after=0", "tokenizer.micro_batch=4", "tokenizer.codebook_start=random",
        "tokenizer.codebook_update=ema"}) {
    EXPECT_NE(before.at("tokenizer"), keys_of(plan_of(paper(), {training}))[9].at("tokenizer"))
        << training;
  }
}

/// A file for one test.
class File {
 public:
  File(const std::string& name, const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("oar-planner-" + std::to_string(::getpid()) + name)) {
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(PlanSweep, LpipsCountsByTheContentOfItsFiles) {
  const File vgg("vgg16", "convolutions"), same("same", "convolutions"), linear("lin", "layers");
  const auto key = [](const std::vector<std::string>& set) {
    return keys_of(plan_of(paper(), set))[9].at("tokenizer");
  };
  const std::string weights = "tokenizer.perceptual_weights=\"";
  const std::string one = key({weights + vgg.path() + "\""});
  EXPECT_NE(one, key({}));
  EXPECT_EQ(one, key({weights + same.path() + "\""}));
  EXPECT_NE(one, key({weights + vgg.path() + "\"",
                      "tokenizer.perceptual_linear=\"" + linear.path() + "\""}));
  EXPECT_EQ(key({weights + vgg.path() + "\"", "tokenizer.perceptual_weight=0"}),
            key({"tokenizer.perceptual_weight=0"}));
}

TEST(PlanSweep, SizesOutOfAFileAreThoseOfThePreset) {
  const File sizes("sizes.json", to_json(vqgan_preset("nano", 32)).dump());
  const auto preset = keys_of(plan_of(paper())),
             file = keys_of(plan_of(paper(), {"tokenizer.config=\"" + sizes.path() + "\""}));
  EXPECT_EQ(preset, file);  // where they come from is no part of what is computed
}

TEST(PlanSweep, ATokenizerOfAnotherImageSizeIsUsedAsItIsWherePatchesDivideTheImages) {
  Vqgan model(vqgan_preset("small", 64));  // f8, attention at 8 pixels of a nominal 64
  const File weights("weights.safetensors", "");
  write_vqgan_file(weights.path(), model);
  const std::vector<std::string> set = {"tokenizer.weights=\"" + weights.path() + "\""};
  const SweepPlan plan = plan_of(paper(), set);
  for (const PlannedStage& stage : plan.stages) {
    if (stage.node.stage != "tokenizer") continue;
    EXPECT_EQ(stage.node.config.at("network"), to_json(model->config()));
  }
  EXPECT_THROW(plan_of(paper(), {set[0], "tokenizer.codebook_size=64"}), std::invalid_argument);
  try {
    plan_of(paper(), {set[0], "dataset.image_size=36"});
    FAIL() << "patches of 8 do not divide 36";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("dataset.image_size 36: the tokenizer of "));
    EXPECT_THAT(error.what(), HasSubstr("patches of 8 pixels"));
  }
}

TEST(PlanSweep, NamesTheCellThatCannotBePlanned) {
  try {
    plan_of(paper(), {"dataset.image_size=33"});
    FAIL() << "patches do not divide 33 pixels";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("cell recipe=raster,seed=0: "));
  }
}

TEST(PlanSweep, EveryStageIsExpectedToBeWork) {
  for (const PlannedStage& stage : plan_of(paper()).stages) {
    EXPECT_GT(stage.node.work, 0) << stage.role;
    EXPECT_GT(stage.node.size, 0) << stage.role;
  }
}

TEST(Work, TrainingGrowsWithTheImagesAndWithTheSquareOfTheWidth) {
  const work::Network narrow{4, 128, 0, {8, 8}}, wide{4, 1280, 0, {8, 8}};
  EXPECT_DOUBLE_EQ(work::training(narrow, 2000), 2 * work::training(narrow, 1000));
  // 12 L D² N against L D N² for attention: 100 and 10 times as much.
  EXPECT_DOUBLE_EQ(work::training(narrow, 1),
                   3 * (12.0 * 4 * 128 * 128 * 64 + 4.0 * 128 * 64 * 64));
  EXPECT_DOUBLE_EQ(work::training(wide, 1),
                   3 * (12.0 * 4 * 1280 * 1280 * 64 + 4.0 * 1280 * 64 * 64));
}

TEST(Work, ASearchTriesHalfOfNSquaredCandidatesAndSkippingStepsSavesThem) {
  const work::Network network{1, 10, 0, {4, 4}};
  const nlohmann::json exact = {{"confidence", "likelihood"}};
  const double token = 12.0 * 10 * 10, attention = 2.0 * 10 * 16 / 3, once = 16 * token + 10 * 256;
  EXPECT_DOUBLE_EQ(work::search(network, exact, true), once + 128 * (token + attention));
  EXPECT_DOUBLE_EQ(work::search(network, exact, false), once);  // a fixed order looks once
  const nlohmann::json halved = {{"confidence", "likelihood"}, {"search", {{"rescore_every", 2}}}};
  EXPECT_DOUBLE_EQ(work::search(network, halved, true), once + 64 * (token + attention));
}

}  // namespace
}  // namespace oar
