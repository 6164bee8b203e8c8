// What a recipe may say of its tokenizer, through the program: damage to codes, and tokenizers that
// were imported.
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

class TokenizerOptions : public ProgramTest {
 protected:
  /// The record of a sweep over these recipes.
  json run_sweep(const std::string& name, const json& recipes,
                 const std::string& expected_text = "") {
    const json sweep = {
        {"version", 1},
        {"name", name},
        {"defaults",
         {{"dataset",
           {{"name", "sunset"}, {"image_size", 32}, {"max_images", 60}, {"held_out", 0.2}}},
          {"tokenizer", {{"preset", "nano"}, {"perceptual_weight", 0}}},
          {"model", {{"layers", 1}, {"width", 32}, {"heads", 2}}},
          {"train", {{"images_seen", 16}, {"order", "raster"}}},
          {"relabel", nullptr},
          {"generate", {{"num_samples", 4}, {"order", "raster"}}},
          {"evaluate", {{"kid_subset_size", 2}, {"kid_subsets", 2}, {"isc_splits", 1}}}}},
        {"recipes", recipes}};
    std::ofstream(folder_ / (name + ".json")) << sweep;
    const Outcome outcome = run(
        {"run", name + ".json", "--store", "store", "--out", name, "--device", "cpu", "--quiet"});
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(expected_text));
    std::ifstream in(folder_ / name / "results.json");
    return json::parse(in);
  }

  static json record_of(const json& results, const std::string& recipe, const std::string& stage) {
    for (const json& cell : results.at("cells")) {
      for (const json& one : cell.at("stages")) {
        if (cell.at("labels").at("recipe") == recipe && one.at("stage") == stage) {
          return one.at("record");
        }
      }
    }
    return nullptr;
  }
};

TEST_F(TokenizerOptions, DamageToTheCodesIsDoneAndMeasuredTrains) {
  const json results = run_sweep(
      "damage", {{"whole", {{"tokenizer.images_seen", 400}}},
                 {"merged", {{"tokenizer.images_seen", 400}, {"tokenizer.merge_codes", 4}}},
                 {"noise", {{"tokenizer.images_seen", 400}, {"tokenizer.code_noise", 0.25}}}});
  const json whole = record_of(results, "whole", "tokens"),
             merged = record_of(results, "merged", "tokens"),
             noise = record_of(results, "noise", "tokens");
  EXPECT_FALSE(whole.contains("damage"));
  EXPECT_GT(whole.at("codebook_used"), 4);
  EXPECT_LE(merged.at("codebook_used"), 4);
  EXPECT_GT(merged.at("damage").at("changed"), 0.0);
  // 60 images of 64 patches; one draw in 128 gives the same code again: 0.248 +- 0.007.
  EXPECT_NEAR(noise.at("damage").at("changed").get<double>(), 0.248, 4 * 0.007);
  const double kept = record_of(results, "whole", "tokenizer").at("reconstruction").at("psnr");
  EXPECT_LT(merged.at("damage").at("psnr_after"), kept);
  EXPECT_LT(noise.at("damage").at("psnr_after"), kept);
}

TEST_F(TokenizerOptions, DevicesOfTheCodebookLeaveTheirCurvesTrains) {
  const json results = run_sweep("devices", {{"plain",
                                              {{"tokenizer.images_seen", 160},
                                               {"tokenizer.codebook_start", "random"},
                                               {"tokenizer.dead_after", 0}}},
                                             {"ema",
                                              {{"tokenizer.images_seen", 160},
                                               {"tokenizer.codebook_update", "ema"},
                                               {"tokenizer.micro_batch", 5},
                                               {"tokenizer.discriminator_weight", 0.8},
                                               {"tokenizer.discriminator_start", 0.5}}}});
  const json plain = record_of(results, "plain", "tokenizer"),
             ema = record_of(results, "ema", "tokenizer");
  EXPECT_EQ(plain.at("curve_columns"),
            json({"images", "loss", "reconstruction", "codebook", "codes_used", "perplexity"}));
  EXPECT_EQ(ema.at("curve_columns"),
            json({"images", "loss", "reconstruction", "codebook", "codes_used", "perplexity",
                  "codes_restarted", "generator", "adaptive_weight", "discriminator"}));
  ASSERT_EQ(plain.at("curve").size(), 10u);
  EXPECT_GT(plain.at("curve").front().at(4), 0);         // from the first step on
  EXPECT_TRUE(ema.at("curve").front().at(4).is_null());  // after a tenth of the training
  EXPECT_GT(ema.at("curve").back().at(9), 0.0);
  EXPECT_EQ(ema.at("micro_batch"), 5);
  const json& quality = ema.at("reconstruction");
  EXPECT_EQ(quality.at("kid_subset_size"), 12);  // all held-out images
  EXPECT_GT(quality.at("codebook_used"), 1);
  EXPECT_LE(quality.at("perplexity").get<double>(), quality.at("codebook_used").get<double>());
  int found = 0;
  for (const json& entry : results.at("cells").at(0).at("metrics")) {
    const std::string id = entry.at("metric");
    if (id != "tokenizer_rkid" && id != "tokenizer_codes_used") continue;
    EXPECT_EQ(entry.at("num_reference"), 12);
    EXPECT_EQ(entry.at("higher_is_better"), id == "tokenizer_codes_used");
    ++found;
  }
  EXPECT_EQ(found, 2);
  std::ifstream in(folder_ / "devices" / "report.md");
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(in), {}), HasSubstr("rKID"));
}

TEST_F(TokenizerOptions, AnImportedTokenizerKnowsItsSizesTrains) {
  run_sweep("first", {{"raster", {{"tokenizer.images_seen", 32}}}});
  fs::path artifact;  // weights in taming's names, and sizes beside them
  for (const auto& entry : fs::directory_iterator(folder_ / "store" / "tokenizer")) {
    if (entry.is_directory()) artifact = entry.path();
  }
  const Outcome imported =
      run({"weights", "import", (artifact / "weights.safetensors").string(), "--config",
           (artifact / "config.json").string(), "--as", "mine", "--weights-dir", "here"});
  ASSERT_EQ(imported.code, 0) << imported.text;
  const std::string file = (folder_ / "here/tokenizers/mine.safetensors").string();
  // Of 32 pixels it was trained on, and used at 48: a grid of 12 x 12.
  const json results =
      run_sweep("second", {{"raster", {{"tokenizer.weights", file}, {"dataset.image_size", 48}}}});
  EXPECT_EQ(record_of(results, "raster", "tokens").at("rows"), 12);
  EXPECT_EQ(record_of(results, "raster", "tokenizer").at("imported"), true);
  EXPECT_EQ(record_of(results, "raster", "tokenizer").at("network").at("image_size"), 32);
  const Outcome refused = run({"run", "second.json", "--store", "store", "--out", "third",
                               "--device", "cpu", "--set", "tokenizer.codebook_size=64"});
  EXPECT_EQ(refused.code, 2) << refused.text;
  EXPECT_THAT(refused.text, HasSubstr("tokenizer.codebook_size: found 64; "));
}

}  // namespace
}  // namespace oar
