// Cells that are copied to another machine, and the verbs over a store as a user calls them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "datasets/sha256.h"
#include "harness/run/finished_cell.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSmall[] = R"({
  "version": 1, "name": "small",
  "defaults": {
    "dataset": {"name": "sunset", "image_size": 32, "max_images": 40, "held_out": 0.2},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16, "perceptual_weight": 0},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16, "order": "raster"},
    "generate": {"num_samples": 12, "order": "raster"},
    "evaluate": {"max_reference": 12, "kid_subset_size": 6, "kid_subsets": 5, "isc_splits": 2}},
  "seeds": [0, 1]})";

class Upkeep : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::ofstream(folder_ / "small.json") << kSmall;
  }
  Outcome run_small(const std::string& store, const std::string& out) {
    return run({"run", "small.json", "--store", store, "--out", out, "--device", "cpu"});
  }
  json results(const std::string& run) const {
    std::ifstream in(folder_ / run / "results.json");
    return json::parse(in);
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(Upkeep, ACellThatTrainsIsCopiedMovedAndUsedWhereItLies) {
  ASSERT_EQ(run_small("store", "out").code, 0);
  const Outcome copied = run({"export", "--run", "out", "--cell", "seed=1", "--out", "parcel"});
  ASSERT_EQ(copied.code, 0) << copied.text;
  fs::rename(folder_ / "parcel", folder_ / "elsewhere");
  fs::rename(folder_ / "store", folder_ / "gone");
  fs::remove_all(folder_ / "out");

  // Nothing in it knows where it was made.
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "elsewhere" / "store")) {
    if (!entry.is_regular_file()) continue;
    EXPECT_THAT(text_of(entry.path()), Not(HasSubstr(folder_.string()))) << entry.path();
  }
  const Outcome verified = run({"verify", "elsewhere"});
  EXPECT_EQ(verified.code, 0) << verified.text;
  EXPECT_THAT(verified.text, HasSubstr("whole; 1 scores computed again"));

  ASSERT_EQ(results("elsewhere").at("cells").size(), 1u);
  const FinishedCell cell =
      open_finished_cell(folder_ / "elsewhere", "", folder_ / "elsewhere" / "store");
  EXPECT_EQ(cell.id(), "seed=1");
  for (const std::string image :
       results("elsewhere").at("cells").at(0).at("samples").at("images")) {
    EXPECT_TRUE(fs::exists(folder_ / "elsewhere" / image)) << image;  // a report finds its pictures
  }
  for (const char* role : {"tokenizer", "any_order", "samples", "scores"}) {
    EXPECT_TRUE(fs::exists(cell.artifact(role) / "manifest.json")) << role;
  }

  const Outcome again =
      run({"run", "small.json", "--store", "elsewhere/store", "--out", "again", "--device", "cpu"});
  ASSERT_EQ(again.code, 0) << again.text;
  int cached = 0;
  const json made = results("again");
  for (const json& stage : made.at("cells").at(1).at("stages")) {
    EXPECT_EQ(stage.at("cached"), true) << stage.at("role");
    ++cached;
  }
  EXPECT_EQ(cached, 11);
}

TEST_F(Upkeep, TrainsThenPlansVerifiesAndFreesTheStore) {
  ASSERT_EQ(run_small("store", "out").code, 0);
  const Outcome plan = run(
      {"plan", "small.json", "--store", "store", "--out", "out", "--set", "train.images_seen=128"});
  EXPECT_EQ(plan.code, 0);
  EXPECT_THAT(plan.text, HasSubstr("changed: train.images_seen 64 -> 128, about "));
  EXPECT_THAT(plan.text, HasSubstr("changed: input model, about "));
  EXPECT_THAT(plan.text, HasSubstr("2 cells, 17 different stages: 5 cached, 12 to do"));

  // The data are known by one hash: over those of the images, in the order of the index.
  const json made = results("out");
  const json& dataset = made.at("cells").at(0).at("stages").at(0);
  const std::string folder = dataset.at("key").get<std::string>().substr(0, 32);
  std::string hashes;
  const json index = json::parse(text_of(folder_ / "store" / "dataset" / folder / "index.json"));
  for (const json& image : index.at("images")) {
    hashes += image.at("sha256").get<std::string>() + "\n";
  }
  EXPECT_EQ(hashes.size(), 40u * 65);
  EXPECT_EQ(dataset.at("record").at("sha256"), sha256_hex(hashes));

  const Outcome sizes = run({"gc"});  // no criterion: a table, and what it would take
  EXPECT_EQ(sizes.code, 2);
  EXPECT_THAT(sizes.text, HasSubstr("--older-than 30d"));
  EXPECT_THAT(sizes.text, HasSubstr("tokenizer"));

  for (const auto& entry : fs::directory_iterator(folder_ / "store" / "any_order")) {
    const fs::path weights = entry.path() / "weights.safetensors";
    if (!fs::exists(weights)) continue;
    std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put(1);
    break;
  }
  const Outcome damaged = run({"verify", "out", "--store", "store", "--set-aside"});
  EXPECT_EQ(damaged.code, 65) << damaged.text;
  EXPECT_THAT(damaged.text, HasSubstr("weights.safetensors has the SHA-256"));
  ASSERT_EQ(run_small("store", "out").code, 0);  // makes it anew: the same bytes
  EXPECT_EQ(run({"verify", "out", "--store", "store"}).code, 0);

  const Outcome freed = run({"gc", "--sweep", "small.json"});
  EXPECT_EQ(freed.code, 0) << freed.text;
  EXPECT_THAT(freed.text, HasSubstr("; 0 B left"));
  EXPECT_EQ(run({"verify", "out", "--store", "store"}).code, 65);  // nothing is there any more
}

}  // namespace
}  // namespace oar
