// A small record of a run, for everybody to read and to compute again.
#include "harness/upkeep/publish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/upkeep/published_record.h"
#include "models/weights/tensor_file.h"
#include "tests/harness/program.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

json cell_of(const std::string& dataset) {
  json cell = example::cell("oar", 0, json::array());
  cell["recipe"] = example::recipe("oar", dataset);
  cell["samples"] = {{"images", {"exhibits/0123456789ab/000.png"}}, {"position_at", {{1, 0}}}};
  cell["reconstructions"] = {{"originals", {"exhibits/ab0123456789/original_000.png"}}};
  return cell;
}

json published(const std::string& dataset, bool without_samples = false) {
  return publishable_record(example::results({cell_of(dataset)}), without_samples)
      .at("cells")
      .at(0);
}

TEST(PublishableRecord, OriginalsOfADataSetOnDiskStayBehind) {
  EXPECT_TRUE(published("sunset").contains("reconstructions"));
  EXPECT_FALSE(published("fashion_products").contains("reconstructions"));
  EXPECT_TRUE(published("fashion_products").at("samples").contains("images"));
}

TEST(PublishableRecord, NothingOfItShowsImagesThatOthersOwn) {
  for (const char* dataset :
       {"celeba", "celeba_hq", "imagenet", "tiny_imagenet", "image_folder", "webdataset"}) {
    const json cell = published(dataset);
    EXPECT_FALSE(cell.contains("reconstructions")) << dataset;
    EXPECT_EQ(cell.at("samples"), (json{{"position_at", {{1, 0}}}})) << dataset;
    EXPECT_FALSE(publishable(dataset).codes) << dataset;  // a decoder makes images of them
  }
  EXPECT_TRUE(publishable("fashion_products").codes);
}

TEST(PublishableRecord, OnesOwnImagesMayBeInIt) {
  EXPECT_TRUE(publishable("image_folder", true).originals);
  EXPECT_TRUE(publishable("webdataset", true).codes);
  EXPECT_FALSE(publishable("celeba", true).samples);  // nobody's own
  EXPECT_FALSE(publishable("fashion_products", true).originals);
}

TEST(PublishRecord, CodesOfFacesAreRefusedBeforeAnythingIsRead) {
  const fs::path root = fs::temp_directory_path() / ("oar-faces-" + std::to_string(::getpid()));
  fs::create_directories(root / "store");
  json cell = cell_of("celeba");
  cell["stages"] = {example::stage("samples", "5a5a5a5a5a5a", 1)};
  std::ofstream(root / "results.json") << example::results({cell}).dump();
  Progress progress;
  try {
    publish({root, root / "store", root / "out", {"oar"}, false, false}, progress);
    ADD_FAILURE() << "published";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("--codes: cell recipe=oar,seed=0 is of celeba, and its "
                                        "codes decode to images like those"));
  }
  EXPECT_FALSE(fs::exists(root / "out"));
  fs::remove_all(root);
}

TEST(PublishableRecord, SamplesMayStayBehindAndTheirOrdersDoNot) {
  EXPECT_EQ(published("sunset", /*without_samples=*/true).at("samples"),
            (json{{"position_at", {{1, 0}}}}));
}

TEST(PublishableRecord, NamesNoFolderOfTheMachine) {
  json results = example::results({cell_of("sunset")});
  results["sweep"] = {{"file", "/home/me/sweeps/table.json"},
                      {"set", {"dataset.root=/data/fashion/", "train.images_seen=10"}},
                      {"about", "nats/image and https://arxiv.org/abs/2504.17069 / more"}};
  results["cells"][0]["error"] = "/home/me/store/tokenizer/0a: not there; see \"/tmp/log.txt\"";
  const json kept = publishable_record(results, false);
  EXPECT_EQ(kept.at("sweep").at("file"), "table.json");
  EXPECT_EQ(kept.at("sweep").at("set"), (json{"dataset.root=fashion", "train.images_seen=10"}));
  EXPECT_EQ(kept.at("sweep").at("about"), results.at("sweep").at("about"));
  EXPECT_EQ(kept.at("cells").at(0).at("error"), "0a: not there; see \"log.txt\"");
}

constexpr char kSmall[] = R"({
  "version": 1, "name": "small",
  "defaults": {
    "dataset": {"name": "sunset", "image_size": 32, "max_images": 40, "held_out": 0.2},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16, "perceptual_weight": 0},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": null,
    "generate": {"num_samples": 24, "order": "random"},
    "evaluate": {"max_reference": 24, "metrics": ["fid", "isc", "kid", "precision", "recall"],
                 "kid_subset_size": 12, "kid_subsets": 5, "isc_splits": 2}},
  "recipes": {"raster": {"generate.order": "raster"}, "random": {}}})";

class Publish : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::ofstream(folder_ / "small.json") << kSmall;
    ASSERT_EQ(
        run({"run", "small.json", "--store", "store", "--out", "run", "--device", "cpu"}).code, 0);
  }
  Outcome publish(const std::string& out, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"publish", "run", "--store", "store", "--out", out});
    return run(more);
  }
  Contents contents(const std::string& record) const { return read_contents(folder_ / record); }
  std::string text_of(const fs::path& file) const {
    std::ifstream in(folder_ / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(Publish, ARunThatTrainsIsLaidTwiceInTheSameBytesAndComputedAgain) {
  const Outcome first = publish("record", {"--codes", "raster"});
  ASSERT_EQ(first.code, 0) << first.text;
  EXPECT_THAT(first.text, HasSubstr("2 cells, codes of 1: "));
  ASSERT_EQ(publish("again/record/", {"--codes", "raster"}).code, 0);
  EXPECT_EQ(contents("record"), contents("again/record"));
  EXPECT_EQ(publish("record", {"--codes", "raster"}).code, 0);  // takes the place of the first
  EXPECT_EQ(contents("record"), contents("again/record"));

  const Contents files = contents("record");
  for (const char* name :
       {"results.json", "report.md", "tables/results.csv", "tables/results.tex"}) {
    EXPECT_TRUE(files.contains(name)) << name;
  }
  for (const auto& [name, file] : files) {
    EXPECT_THAT(text_of("record/" + name), Not(HasSubstr(folder_.string()))) << name;
  }

  fs::remove_all(folder_ / "store");  // what is verified is what lies in the record
  const Outcome verified = run({"verify", "record", "--json", "--quiet"});
  ASSERT_EQ(verified.code, 0) << verified.text;
  const json found = json::parse(verified.text);
  EXPECT_EQ(found.at("ordered"), 2);
  EXPECT_EQ(found.at("rescored"), 1);
  ASSERT_EQ(found.at("scores").size(), 5u);
  EXPECT_EQ(found.at("scores")[0].at("metric"), "fid");
  const double recorded = found.at("scores")[0].at("recorded"),
               again = found.at("scores")[0].at("found");
  EXPECT_NEAR(again / recorded, 1.0, 0.01);  // float16 of weights and features
  EXPECT_THAT(found.at("notes").dump(), HasSubstr("scores of 1 cells are recorded and not"));

  // Tables change over the years, and stores are gone by then: the record itself is enough.
  EXPECT_EQ(run({"publish", "record", "--out", "rendered"}).code, 0);
  EXPECT_EQ(contents("rendered"), contents("record"));
}

TEST_F(Publish, WhatARunThatTrainsMayNotBePublishedAsIsRefused) {
  ASSERT_EQ(publish("bare", {"--without-samples"}).code, 0);
  const json cell = json::parse(text_of("bare/results.json")).at("cells").at(0);
  EXPECT_FALSE(cell.at("samples").contains("images"));
  for (const auto& [name, file] : contents("bare")) {
    EXPECT_THAT(name, Not(HasSubstr("tokenizer-"))) << "no codes were asked for";
  }
  const TensorMap samples = read_tensors(
      folder_ / "bare" / evidence_file("samples", stage_of(cell, "samples")->at("key")));
  EXPECT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples.at("position_at").scalar_type(), torch::kUInt8);  // 64 patches
  EXPECT_EQ(samples.at("position_at").sizes(), (std::vector<int64_t>{24, 64}));

  fs::create_directories(folder_ / "bare" / "figures");
  std::ofstream(folder_ / "bare" / "figures" / "loss_curves.png") << "a picture";
  write_contents(folder_ / "bare");
  for (const char* source : {"run", "bare"}) {  // nothing here draws pictures
    const Outcome lost = run({"publish", source, "--store", "store", "--out", "bare"});
    EXPECT_EQ(lost.code, 2) << source;
    EXPECT_THAT(lost.text, HasSubstr("loss_curves.png would be lost: ")) << source;
    EXPECT_EQ(text_of("bare/figures/loss_curves.png"), "a picture");
  }

  std::ofstream(folder_ / "bare" / "notes.txt") << "mine";
  const Outcome stranger = publish("bare");
  EXPECT_EQ(stranger.code, 2);
  EXPECT_THAT(stranger.text, HasSubstr("notes.txt is not of the record there; name another"));
  const Outcome other = publish("run");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.text, HasSubstr("holds something else than a published record"));
  const Outcome nowhere = run({"verify", "nowhere"});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.text, HasSubstr("there is no folder \"nowhere\""));
  const Outcome unknown = publish("new", {"--codes", "hilbert"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.text, HasSubstr("names 0 cells"));

  for (const auto& entry : fs::directory_iterator(folder_ / "store" / "samples")) {
    if (!entry.is_directory()) continue;
    std::ofstream(entry.path() / "samples.safetensors", std::ios::app) << "x";
    break;
  }
  const Outcome damaged = publish("new");
  EXPECT_EQ(damaged.code, 65);
  EXPECT_THAT(damaged.text,
              AllOf(HasSubstr("samples.safetensors"), HasSubstr("run the sweep again")));
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".tmp."))) << "left behind";
  }
}

}  // namespace
}  // namespace oar
