#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/measure/device.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/image_sampler.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/sweep.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::ThrowsMessage;

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() /
                  ("oar-stages-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  static inline int counter = 0;
};

constexpr char kPaperRecipes[] = R"({
  "version": 1,
  "defaults": {"dataset": {"name": "sunset", "image_size": 32, "max_images": 100},
               "tokenizer": {"preset": "nano"}, "model": {"preset": "nano"},
               "generate": {"num_samples": 100}, "evaluate": {"kid_subset_size": 50}},
  "recipes": {
    "raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
    "random": {"relabel": null, "generate.order": "random"},
    "oar": {"relabel": null},
    "oar_finetuned": {"relabel": {}}},
  "seeds": [0, 1, 2]
})";

std::vector<std::vector<PlannedStage>> plans_of(const std::string& sweep,
                                                const std::vector<std::string>& set = {}) {
  std::vector<std::vector<PlannedStage>> plans;
  for (const Cell& cell : parse_sweep(sweep, "sweep.json", set, known_names()).cells) {
    plans.push_back(plan_cell(cell.recipe, cell.seed, {}));
  }
  return plans;
}

std::string key_of(const std::vector<PlannedStage>& plan, const std::string& role) {
  for (const PlannedStage& stage : plan) {
    if (stage.role == role) return stage.node.key;
  }
  return "";
}

TEST(PlanCell, ThePapersFourRecipesOverThreeSeedsRunEachSharedStageOnce) {
  std::map<std::string, std::set<std::string>> keys;
  for (const auto& plan : plans_of(kPaperRecipes)) {
    for (const PlannedStage& stage : plan) keys[stage.role].insert(stage.node.key);
  }
  EXPECT_EQ(keys["dataset"].size(), 1u);
  EXPECT_EQ(keys["tokenizer"].size(), 1u);
  EXPECT_EQ(keys["tokens"].size(), 1u);
  EXPECT_EQ(keys["any_order"].size(), 6u);  // raster and random order, three seeds each
  EXPECT_EQ(keys["orders"].size(), 3u);     // one for each seed's any-order model
  EXPECT_EQ(keys["specialist"].size(), 3u);
  EXPECT_EQ(keys["samples"].size(), 12u);
  EXPECT_EQ(keys["reference_features"].size(), 1u);
}

TEST(PlanCell, EveryStageComesAfterItsInputs) {
  for (const auto& plan : plans_of(kPaperRecipes)) {
    std::set<std::string> made;
    for (const PlannedStage& stage : plan) {
      for (const StageInput& input : stage.node.inputs) {
        EXPECT_TRUE(made.contains(input.key)) << stage.role << " reads " << input.role;
      }
      made.insert(stage.node.key);
    }
  }
}

TEST(PlanCell, HowManyImagesAreDrawnAtOnceIsNoPartOfTheSamples) {
  const auto a = plans_of(kPaperRecipes), b = plans_of(kPaperRecipes, {"generate.batch_size=7"});
  EXPECT_EQ(key_of(a[0], "samples"), key_of(b[0], "samples"));
}

TEST(PlanCell, APenaltyIsNoPartOfAFixedOrdersSamples) {
  const auto a = plans_of(kPaperRecipes),
             b = plans_of(kPaperRecipes, {"generate.distance_penalty=2"});
  EXPECT_EQ(key_of(a[0], "samples"), key_of(b[0], "samples"));  // raster
  EXPECT_NE(key_of(a[6], "samples"), key_of(b[6], "samples"));  // oar
}

TEST(PlanCell, ChangingTheTrainingOfTheModelKeepsTheTokens) {
  const auto a = plans_of(kPaperRecipes), b = plans_of(kPaperRecipes, {"train.images_seen=64"});
  EXPECT_EQ(key_of(a[0], "tokens"), key_of(b[0], "tokens"));
  EXPECT_NE(key_of(a[0], "any_order"), key_of(b[0], "any_order"));
}

constexpr char kPlanted[] = R"({
  "version": 1,
  "defaults": {"dataset": {"name": "planted_path"}, "model": {"preset": "nano"}},
  "recipes": {"raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
              "oar_finetuned": {"relabel": {}}}
})";

std::vector<std::string> roles_of(const std::vector<PlannedStage>& plan) {
  std::vector<std::string> roles;
  for (const PlannedStage& stage : plan) roles.push_back(stage.role);
  return roles;
}

TEST(PlanCell, CodesFromTheStartNeedNoTokenizerAndHaveNoImagesToScore) {
  EXPECT_THAT(roles_of(plans_of(kPlanted)[1]),
              ElementsAre("dataset", "tokens", "any_order", "orders", "specialist", "samples",
                          "order_statistics", "known_answer"));
}

TEST(PlanCell, OnlyDataThatKnowsTheTruthIsAskedForIt) {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "a.png") << "12345";
  EXPECT_NE(key_of(plans_of(kPaperRecipes)[0], "known_answer"), "");  // sunset
  EXPECT_EQ(key_of(plans_of(kPaperRecipes, {"dataset.name=image_folder",
                                            "dataset.root=" + folder.path.string()})[0],
                   "known_answer"),
            "");
}

TEST(PlanCell, ThePathAndTheNoiseAreWhatThePlantedDataIs) {
  const auto key = [](const std::vector<std::string>& set) {
    return key_of(plans_of(kPlanted, set)[0], "dataset");
  };
  const std::string first = key({});
  for (const char* other : {"dataset.path=raster", "dataset.noise=0.2", "dataset.codes=4",
                            "dataset.cols=8", "dataset.seed=1", "dataset.max_images=50"}) {
    EXPECT_NE(key({other}), first) << other;
  }
}

/// Every sweep of sweeps/, by its name.
std::map<std::string, json> ready_sweeps() {
  std::map<std::string, json> sweeps;
  for (const auto& entry : fs::directory_iterator(fs::path(OAR_SOURCE_DIR) / "sweeps")) {
    const bool is_sweep = entry.path().extension() == ".json" &&
                          entry.path().stem().extension() != ".schema" &&
                          entry.path().filename() != "ci_baseline.json";  // a record
    if (is_sweep) sweeps[entry.path().stem()] = json::parse(std::ifstream(entry.path()));
  }
  return sweeps;
}

std::set<std::string> names_in(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

TEST(ReadySweeps, AreReadWithoutAMistake) {
  for (const auto& [name, content] : ready_sweeps()) {
    const fs::path file = fs::path(OAR_SOURCE_DIR) / "sweeps" / (name + ".json");
    const Sweep sweep = read_sweep(file, {}, known_names());
    for (const Cell& cell : sweep.cells) {
      if (!get<std::string>(cell.recipe, "dataset.root").empty()) continue;  // the user's data
      EXPECT_FALSE(plan_cell(cell.recipe, cell.seed, {}).empty()) << name << " " << cell.id;
    }
  }
}

TEST(ReadySweeps, SmallOnesArePlannedOnImagesThatEverybodyHas) {
  const fs::path root = fs::path(OAR_SOURCE_DIR);
  const fs::path before = fs::current_path();
  fs::current_path(root);  // sweeps name files from there
  for (const auto& [name, content] : ready_sweeps()) {
    if (!name.ends_with("_small") || name == "imagenet256_small") continue;
    const Sweep sweep = read_sweep(root / "sweeps" / (name + ".json"),
                                   {"dataset.name=sunset", "dataset.root=\"\""}, known_names());
    for (const Cell& cell : sweep.cells) {
      EXPECT_FALSE(plan_cell(cell.recipe, cell.seed, {}).empty()) << name << " " << cell.id;
    }
  }
  fs::current_path(before);
}

TEST(ReadySweeps, EveryExperimentHasATwinForTwoCores) {
  const std::map<std::string, json> sweeps = ready_sweeps();
  const std::set<std::string> small_already = {"ci", "quickstart", "known_answer",
                                               "tokenizer_devices"};
  for (const auto& [name, large] : sweeps) {
    if (name.ends_with("_small") || small_already.contains(name)) continue;
    ASSERT_TRUE(sweeps.contains(name + "_small")) << name;
    const json& small = sweeps.at(name + "_small");
    for (const char* part : {"recipes", "matrix"}) {
      EXPECT_EQ(names_in(large.value(part, json::object())),
                names_in(small.value(part, json::object())))
          << name;
    }
    EXPECT_EQ(large.value("baseline", json()), small.value("baseline", json())) << name;
    EXPECT_EQ(large.at("defaults").at("relabel").is_null(),
              small.at("defaults").at("relabel").is_null())
        << name;
  }
  EXPECT_GE(sweeps.size(), 30u);
}

TEST(ReadySweeps, SayWhatTheyAskAndWhatCountsAsAnAnswer) {
  for (const auto& [name, sweep] : ready_sweeps()) {
    ASSERT_TRUE(sweep.contains("x-about")) << name;
    const std::string about = sweep.at("x-about");
    EXPECT_THAT(about, HasSubstr("?")) << name;
    EXPECT_TRUE(about.find("minutes") != about.npos || about.find("hours") != about.npos ||
                about.find("hour") != about.npos || about.find("days") != about.npos)
        << name << " does not say what it takes";
  }
}

TEST(KnownNames, PathsAreTheFixedOrdersThatAreOneForAllImages) {
  const std::vector<std::string> paths = known_names().paths;
  EXPECT_THAT(paths, IsSupersetOf({"raster", "hilbert", "spiral_in", "random_fixed"}));
  for (const char* other : {"random", "annealed", "from_file", "oar"}) {
    EXPECT_THAT(paths, Not(Contains(other)));
  }
}

TEST(PlanCell, ADataSetIsKnownByItsFilesAndNotByItsPath) {
  const TemporaryFolder here, there, other;
  for (const fs::path& folder : {here.path, there.path}) std::ofstream(folder / "a.png") << "12345";
  std::ofstream(other.path / "a.png") << "123456";
  const auto key = [](const fs::path& root) {
    return key_of(
        plans_of(kPaperRecipes, {"dataset.name=image_folder", "dataset.root=" + root.string()})[0],
        "dataset");
  };
  EXPECT_EQ(key(here.path), key(there.path));
  EXPECT_NE(key(here.path), key(other.path));
}

TEST(PlanCell, NamesAMissingDataFolder) {
  EXPECT_THAT(
      [] {
        plans_of(kPaperRecipes, {"dataset.name=celeba_hq", "dataset.root=no/such"});
      },
      ThrowsMessage<BadData>(HasSubstr("there is no folder \"no/such\"")));
}

TEST(PlanCell, RefusesAnImageSizeThatPatchesDoNotDivide) {
  EXPECT_THAT(
      [] { plans_of(kPaperRecipes, {"dataset.image_size=33"}); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("nearest accepted sizes are 32 and 36")));
}

TEST(PlanCell, RefusesAWidthThatHeadsDoNotDivide) {
  EXPECT_THAT([] { plans_of(kPaperRecipes, {"model.width=100"}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("width")));
}

Recipe recipe_with(const std::vector<std::string>& set) {
  return parse_sweep(kPaperRecipes, "sweep.json", set, known_names()).cells[0].recipe;
}

const nlohmann::json kNinetyAndTen = {
    {"train", 90}, {"held_out", 10}, {"classes", {"red", "yellow"}}};

TEST(CheckAgainstData, RefusesKidSubsetsLargerThanTheReference) {
  EXPECT_NO_THROW(check_against_data(recipe_with({}), kNinetyAndTen));
  EXPECT_THAT(
      [] { check_against_data(recipe_with({"evaluate.reference=held_out"}), kNinetyAndTen); },
      ThrowsMessage<BadData>(HasSubstr("kid_subset_size is 50, but the reference split "
                                       "\"held_out\" has 10 images; set it to 10 or less")));
}

TEST(CheckAgainstData, AsksNothingOfAReferenceWhereNoImageIsScored) {
  const Recipe planted = parse_sweep(kPlanted, "sweep.json", {}, known_names()).cells[0].recipe;
  EXPECT_NO_THROW(check_against_data(planted, {{"train", 1}, {"held_out", 0}, {"classes", {}}}));
}

TEST(CheckAgainstData, RefusesASplitWithoutImagesAndAConditionWithoutClasses) {
  const nlohmann::json all_held_out = {{"train", 0}, {"held_out", 10}, {"classes", {}}};
  EXPECT_THAT([&] { check_against_data(recipe_with({}), all_held_out); },
              ThrowsMessage<BadData>(HasSubstr("no image is left for training")));
  const nlohmann::json unlabelled = {
      {"train", 90}, {"held_out", 0}, {"classes", nlohmann::json::array()}};
  EXPECT_THAT([&] { check_against_data(recipe_with({"model.condition=class"}), unlabelled); },
              ThrowsMessage<BadData>(HasSubstr("has no classes")));
  EXPECT_THAT([&] { check_against_data(recipe_with({"evaluate.reference=held_out"}), unlabelled); },
              ThrowsMessage<BadData>(HasSubstr("has 0 images, and scores need at least 2")));
}

TEST(ImageSampler, SeesEveryImageOncePerEpochInAnOrderOfItsOwn) {
  ImageSampler sampler({10, 11, 12, 13, 14, 15, 16, 17}, 3);
  std::vector<int64_t> first = sampler.next(0, 8), second = sampler.next(8, 8);
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, (std::vector<int64_t>{10, 11, 12, 13, 14, 15, 16, 17}));
  EXPECT_EQ(second, first);
}

TEST(ImageSampler, ContinuesAnywhereWithAnyBatchSize) {
  ImageSampler whole({1, 2, 3, 4, 5}, 7), parts({1, 2, 3, 4, 5}, 7);
  const std::vector<int64_t> all = whole.next(0, 12);
  EXPECT_EQ(parts.next(9, 3), (std::vector<int64_t>(all.begin() + 9, all.end())));
  EXPECT_EQ(parts.next(2, 4), (std::vector<int64_t>(all.begin() + 2, all.begin() + 6)));
}

TEST(ImageSampler, NeedsImages) { EXPECT_THROW(ImageSampler({}, 0), std::invalid_argument); }

TEST(Artifacts, AnIndexIsReadAsItWasWritten) {
  const TemporaryFolder folder;
  DatasetIndex index;
  index.classes = {"a", "b"};
  index.images = {{"x/1.png", "00ff", 5, 6, "a \"quoted\" caption", 1, Split::kTrain},
                  {"x/2.png", "11ff", 7, 8, "", -1, Split::kHeldOut}};
  index.rejected = {{"x/3.png", "truncated"}};
  write_index(folder.path, index);
  const DatasetIndex read = read_index(folder.path);
  ASSERT_EQ(read.images.size(), 2u);
  EXPECT_EQ(read.images[0].caption, "a \"quoted\" caption");
  EXPECT_EQ(read.images[1].split, Split::kHeldOut);
  EXPECT_EQ(read.images[1].label, -1);
  EXPECT_EQ(read.rejected[0].reason, "truncated");
  EXPECT_EQ(images_of(read, Split::kTrain), (std::vector<int64_t>{0}));
}

TEST(Artifacts, TokensThatDoNotFitTheirCodebookOrGridAreRefused) {
  const TemporaryFolder folder;
  write_tokens(folder.path, {{2, 2}, 4, torch::tensor({{0, 1, 2, 9}})});
  EXPECT_THAT([&] { read_tokens(folder.path); },
              ThrowsMessage<BadWeights>(HasSubstr("codes 0 .. 9 do not fit a codebook of 4")));
  write_tokens(folder.path, {{2, 3}, 4, torch::tensor({{0, 1, 2, 3}})});
  EXPECT_THAT([&] { read_tokens(folder.path); },
              ThrowsMessage<BadWeights>(HasSubstr("4 codes an image do not fill a 2x3 grid")));
}

TEST(Artifacts, CodesOfMirroredImagesAreKeptBesideTheOthers) {
  const TemporaryFolder folder;
  const torch::Tensor codes = torch::tensor({{0, 1, 2, 3}}),
                      mirrored = torch::tensor({{1, 0, 3, 2}});
  write_tokens(folder.path, {{2, 2}, 4, codes});
  EXPECT_FALSE(read_tokens(folder.path).mirrored.defined());
  write_tokens(folder.path, {{2, 2}, 4, codes, mirrored});
  EXPECT_TRUE(torch::equal(read_tokens(folder.path).codes, codes));
  EXPECT_TRUE(torch::equal(read_tokens(folder.path).mirrored, mirrored));
  write_tokens(folder.path, {{2, 2}, 4, codes, torch::cat({mirrored, mirrored})});
  EXPECT_THAT([&] { read_tokens(folder.path); },
              ThrowsMessage<BadWeights>(HasSubstr("1 images, but 2 mirrored ones")));
}

TEST(PlanCell, MirroringChangesWhatIsTrainedOnAndNotTheIndex) {
  const std::string sweep = R"({"version": 1, "defaults": {"dataset.name": "sunset"}})";
  const auto plain = plans_of(sweep)[0], mirrored = plans_of(sweep, {"dataset.mirror=on"})[0],
             cropped = plans_of(sweep, {"tokenizer.random_crop=0.8"})[0],
             whole = plans_of(sweep, {"tokenizer.random_crop=1.0", "dataset.crop=centre"})[0];
  EXPECT_EQ(key_of(mirrored, "dataset"), key_of(plain, "dataset"));
  EXPECT_NE(key_of(mirrored, "tokenizer"), key_of(plain, "tokenizer"));
  EXPECT_NE(key_of(cropped, "tokenizer"), key_of(plain, "tokenizer"));
  EXPECT_EQ(key_of(whole, "tokens"), key_of(plain, "tokens"));
}

TEST(Artifacts, AModelForAnotherGridOrCodebookIsRefused) {
  TransformerConfig model;
  model.grid = {8, 8};
  model.codebook_size = 256;
  EXPECT_THAT(
      [&] {
        check_fit(model, {4, 4}, 256, "model");
      },
      ThrowsMessage<BadWeights>(HasSubstr("draws 8x8 patches, but the tokens are 4x4")));
  EXPECT_THAT(
      [&] {
        check_fit(model, {8, 8}, 128, "model");
      },
      ThrowsMessage<BadWeights>(HasSubstr("knows 256 codes, but the tokenizer has 128")));
}

TEST(Artifacts, APngHoldsItsPixelsExactly) {
  const TemporaryFolder folder;
  const torch::Tensor image =
      torch::arange(3 * 4 * 5, torch::kInt64).mul(4).to(torch::kUInt8).view({3, 4, 5});
  write_png(folder.path / "a.png", image);
  EXPECT_TRUE(read_png(folder.path / "a.png").equal(image));
  std::ofstream(folder.path / "b.png") << "no image";
  EXPECT_THROW(read_png(folder.path / "b.png"), BadData);
}

TEST(DeviceFromName, RefusesWhatIsNotThere) {
  EXPECT_EQ(device_from_name("cpu"), torch::Device(torch::kCPU));
  EXPECT_THAT([] { device_from_name("gpu"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("accepted: auto, cpu, cuda")));
  EXPECT_THROW(device_from_name("cuda:x"), std::invalid_argument);
  EXPECT_THROW(device_from_name("cuda:99"), std::invalid_argument);
}

}  // namespace
}  // namespace oar
