// Whether images are what they were asked for: models of one seed, trained on sunsets under their
// class or their caption, and the suns that they then draw.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

class Condition : public ProgramTest {
 protected:
  void write(const std::string& name, const json& sweep) const {
    std::ofstream(folder_ / name) << sweep;
  }

  /// The record of a sweep, and what the program said.
  json run_sweep(const json& sweep) {
    write("condition.json", sweep);
    const Outcome outcome = run({"run", "condition.json", "--store", "store", "--out", "out",
                                 "--device", "cpu", "--quiet"});
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    std::ifstream in(folder_ / "out" / "results.json");
    return json::parse(in);
  }

  static json stage_of(const json& cell, const std::string& role) {
    for (const json& stage : cell.at("stages")) {
      if (stage.at("role") == role) return stage.at("record");
    }
    return nullptr;
  }
};

// Chance is the share of the colour asked for most often. Of 200 suns drawn without looking at the
// condition, more than 0.45 have the colour asked for once in 30,000 seeds; this one is fixed.
TEST_F(Condition, IsFollowedAsClassAndAsCaptionEitherWayTrains) {
  const json results = run_sweep(
      {{"version", 1},
       {"name", "condition"},
       {"seeds", {1}},
       {"defaults",
        {{"dataset", {{"name", "sunset"}, {"image_size", 16}, {"max_images", 1000}}},
         {"tokenizer",
          {{"preset", "nano"},
           {"channel_multipliers", {1, 2}},
           {"codebook_size", 128},
           {"images_seen", 3200},
           {"perceptual_weight", 0}}},
         {"model",
          {{"layers", 2},
           {"width", 64},
           {"heads", 2},
           {"dropout", 0},
           {"caption_tokens", 6},
           {"caption_vocabulary", 300},
           {"caption_layers", 1}}},
         {"train",
          {{"order", "raster"},
           {"images_seen", 12800},
           {"batch_size", 32},
           {"learning_rate", 0.003}}},
         {"relabel", nullptr},
         {"generate",
          {{"order", "raster"},
           {"num_samples", 200},
           {"batch_size", 100},
           {"guidance_scale", 3.0}}},
         {"evaluate",
          {{"metrics", {"fid"}}, {"max_reference", 100}, {"known_answer_images", 10}}}}},
       {"recipes",
        {{"class", {{"model.condition", "class"}}},
         {"prefix", {{"model.condition", "caption"}}},
         {"cross", {{"model.condition", "caption"}, {"model.caption_as", "cross_attention"}}}}}});
  for (const json& cell : results.at("cells")) {
    SCOPED_TRACE(cell.at("id"));
    const json answer = stage_of(cell, "condition");
    EXPECT_LT(answer.at("chance"), 0.35);
    EXPECT_GT(answer.at("accuracy"), 0.45);
    const json& metrics = cell.at("metrics");
    const auto found = std::find_if(metrics.begin(), metrics.end(), [](const json& metric) {
      return metric.at("metric") == "condition_accuracy";
    });
    ASSERT_NE(found, metrics.end());
    EXPECT_EQ(found->at("value"), answer.at("accuracy"));
    const json& asked = cell.at("samples").at("conditions");
    EXPECT_THAT(asked.at(0).get<std::string>(),
                HasSubstr(cell.at("labels").at("recipe") == "class" ? "" : "sunset"));
  }
  const json captions = stage_of(results.at("cells").at(1), "captions");
  EXPECT_EQ(captions.at("captions"), 1000);
  EXPECT_EQ(captions.at("cut"), 0);
  EXPECT_EQ(captions.at("empty"), 0);
}

class Captions : public Condition {
 protected:
  static json micro(const json& model) {
    json network = {{"layers", 2},         {"width", 32},
                    {"heads", 2},          {"condition", "caption"},
                    {"caption_tokens", 6}, {"caption_vocabulary", 270},
                    {"caption_layers", 1}};
    network.update(model);
    return {
        {"version", 1},
        {"name", "micro"},
        {"defaults",
         {{"dataset",
           {{"name", "sunset"}, {"image_size", 32}, {"max_images", 60}, {"held_out", 0.2}}},
          {"tokenizer", {{"preset", "nano"}, {"images_seen", 32}, {"perceptual_weight", 0}}},
          {"model", network},
          {"train", {{"images_seen", 64}, {"batch_size", 16}}},
          {"relabel",
           {{"max_images", 8},
            {"images_seen", 32},
            {"batch_size", 16},
            {"confidence", "max_probability"}}},
          {"generate", {{"num_samples", 4}, {"order", "oar"}, {"confidence", "max_probability"}}},
          {"evaluate", {{"kid_subset_size", 2}, {"kid_subsets", 2}, {"isc_splits", 1}}}}},
        {"recipes", {{"captions", json::object()}}}};
  }
};

// Every stage that asks the model something hands it the captions: labelling, fine-tuning with a
// location head, samples, extraction, inpainting.
TEST_F(Captions, ReachEveryStageAndVerbTrains) {
  const json results = run_sweep(micro({{"caption_as", "cross_attention"}}));
  EXPECT_EQ(results.at("cells").at(0).at("status"), "done");
  EXPECT_EQ(run({"orders", "extract", "--run", "out", "--store", "store", "--cell", "captions",
                 "--max-images", "4", "--out", "found.jsonl", "--device", "cpu"})
                .code,
            0);
  fs::path image;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "store" / "samples")) {
    if (entry.path().filename() == "000000.png") image = entry.path();
  }
  const auto outpaint = [&](std::vector<std::string> more) {
    std::vector<std::string> command = {
        "outpaint", image.string(), "--run",         "out", "--store", "store",
        "--at",     "0,0",          "--scale",       "4",   "--out",   "wider",
        "--device", "cpu",          "--num-samples", "1",   "--force"};
    command.insert(command.end(), more.begin(), more.end());
    return run(command);
  };
  EXPECT_EQ(outpaint({"--caption", "a red sunset", "--guidance-scale", "2"}).code, 0);
  std::ifstream in(folder_ / "wider" / "edit.json");
  EXPECT_EQ(json::parse(in).at("options").at("caption"), "a red sunset");
  const Outcome refused = outpaint({"--label", "red"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.text, HasSubstr("was trained with model.condition \"caption\""));
}

TEST_F(Captions, KeepTheKeysOfModelsWithoutThem) {
  json without = micro({{"condition", "none"}});
  for (const char* option : {"caption_tokens", "caption_vocabulary", "caption_layers"}) {
    without["defaults"]["model"].erase(option);
  }
  const auto plan = [&](const json& sweep) {
    write("plan.json", sweep);
    return json::parse(run({"plan", "plan.json", "--store", "store", "--json"}).text).at("cells");
  };
  const json before = plan(without);
  ASSERT_FALSE(before.empty());
  without["defaults"]["model"]["caption_tokens"] = 9;  // without captions it decides nothing
  EXPECT_EQ(plan(without), before);
}

}  // namespace
}  // namespace oar
