// Crops, resizes, views and the pixel cache, through the program itself.
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/stages/artifacts.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kSweep[] = R"({
  "version": 1,
  "defaults": {
    "dataset": {"name": "image_folder", "root": "photos", "image_size": 16, "held_out": 0.2,
                "crop": "top", "resize": "lanczos", "mirror": "on"},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16,
                  "perceptual_weight": 0, "random_crop": 0.5},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "generate": {"num_samples": 12, "order": "raster"},
    "evaluate": {"max_reference": 12, "kid_subset_size": 6, "kid_subsets": 5, "isc_splits": 2}
  },
  "recipes": {"raster": {"train.order": "raster", "relabel": null}}
})";

class ImageOptions : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    fs::create_directories(folder_ / "photos");
    torch::manual_seed(0);
    for (int i = 0; i < 20; ++i) {
      write_png(folder_ / "photos" / (std::to_string(i) + ".png"),
                at::randint(256, {3, 30, 20}, torch::kUInt8));
    }
    std::ofstream(folder_ / "sweep.json") << kSweep;
  }

  /// The records of one run, by role.
  json records_of(const std::string& store) {
    const Outcome outcome = run({"run", "sweep.json", "--store", store, "--out", store + "-out",
                                 "--device", "cpu", "--threads", "1"});
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    text_ = outcome.text;
    std::ifstream in(folder_ / (store + "-out") / "results.json");
    const json results = json::parse(in);
    json records;
    for (const json& stage : results.at("cells").at(0).at("stages")) {
      records[stage.at("role").get<std::string>()] = {stage.at("key"), stage.at("record")};
    }
    return records;
  }

  std::string text_;
};

TEST_F(ImageOptions, AreRecordedAndTrainsTheSameWithAndWithoutTheCache) {
  environment_["OAR_PIXEL_CACHE"] = "off";
  const json plain = records_of("plain");
  EXPECT_EQ(plain.at("dataset").at(1).at("crop"), "top");
  EXPECT_EQ(plain.at("dataset").at(1).at("resize"), "lanczos");
  EXPECT_EQ(plain.at("tokenizer").at(1).at("augmentation"),
            (json{{"mirror", true}, {"smallest_side", 0.5}}));
  EXPECT_EQ(plain.at("tokens").at(1).at("mirrored"), true);

  environment_["OAR_PIXEL_CACHE"] = "pixels";
  EXPECT_EQ(records_of("filling"), plain);
  ASSERT_TRUE(fs::is_directory(folder_ / "pixels"));
  EXPECT_EQ(records_of("filled"), plain);
}

TEST_F(ImageOptions, ACacheThatCannotBeMadeIsSaidAndTrainsOn) {
  std::ofstream(folder_ / "pixels") << "a file in the way";
  environment_["OAR_PIXEL_CACHE"] = "pixels/of/mine";
  records_of("store");
  EXPECT_THAT(text_, HasSubstr("the pixel cache is off ("));
}

TEST_F(ImageOptions, ASizeOfTheCacheThatIsNoneIsRefusedBeforeAnyWork) {
  environment_["OAR_PIXEL_CACHE_SIZE"] = "8gigs";
  const Outcome outcome = run({"run", "sweep.json", "--store", "store", "--device", "cpu"});
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("OAR_PIXEL_CACHE_SIZE: "));
  EXPECT_FALSE(fs::exists(folder_ / "store" / "dataset"));
}

}  // namespace
}  // namespace oar
