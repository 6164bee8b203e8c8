// What lies beside a record for its pictures: which files, under which names, and what the record
// says of them.
#include "harness/run/exhibits.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "harness/stages/artifacts.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Exhibits : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar-exhibits-" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "out");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static StageNode node(const std::string& stage, char digit) {
    StageNode node;
    node.stage = stage;
    node.key = std::string(64, digit);
    return node;
  }

  StageResult result(const std::string& name, json record) const {
    fs::create_directories(folder_ / name);
    return {false, {{"record", std::move(record)}}, folder_ / name};
  }

  /// Twenty generated images of 1x4 patches, image i turned by i, drawn
  /// under the class or caption of image i of the data set.
  StageResult samples(const std::string& name, bool with_pixels,
                      const std::string& condition = "") const {
    StageResult made = result(name, {{"images", 20}, {"draws_before_choosing", true}});
    const torch::Tensor image = at::arange(20, torch::kInt64).unsqueeze(1);
    const torch::Tensor position_at = (at::arange(4, torch::kInt64).unsqueeze(0) + image) % 4;
    TensorMap tensors = {{"position_at", position_at.to(torch::kInt16)}};
    if (condition == "class") {
      tensors["label"] = image.squeeze(1) % 2 - (image.squeeze(1) == 2).to(torch::kInt64);
    } else if (condition == "caption") {
      tensors["condition_of"] = image.squeeze(1);
    }
    write_safetensors(made.folder / "samples.safetensors", tensors);
    write_json(made.folder / "config.json", {{"rows", 1}, {"cols", 4}, {"codebook_size", 8}});
    if (!with_pixels) return made;
    fs::create_directories(made.folder / "images");
    for (int i = 0; i < 20; ++i) {
      const std::string number = std::to_string(100 + i).substr(1);
      write_png(made.folder / "images" / ("0000" + number + ".png"),
                at::full({3, 8, 8}, i, torch::kUInt8));
    }
    return made;
  }

  /// Image i is of class i % 2 and shows "number i"; the third has neither.
  StageResult images_of_two_classes() const {
    StageResult data = result("dataset", {{"classes", {"shirt", "shoe"}}});
    DatasetIndex index;
    index.classes = {"shirt", "shoe"};
    for (int i = 0; i < 20; ++i) {
      ImageRecord image;
      image.file = "image-" + std::to_string(100 + i);
      image.label = i == 2 ? -1 : i % 2;
      if (i != 2) image.caption = "number " + std::to_string(i);
      index.images.push_back(std::move(image));
    }
    write_index(data.folder, index);
    return data;
  }

  static json cells(size_t count) { return {{"cells", std::vector<json>(count, json::object())}}; }

  fs::path folder_;
};

TEST_F(Exhibits, AreTheFirst16ImagesAndTheirOrders) {
  const StageNode made = node("samples", 'a'), dataset = node("dataset", 'd');
  const StageResult drawn = samples("samples", true, "class"), data = images_of_two_classes();
  json results = cells(1);
  const CellOutcome cell{
      CellStatus::kDone, "", {{"dataset", &dataset, &data}, {"samples", &made, &drawn}}};
  add_exhibits(results, {cell}, folder_ / "out");

  const json& shown = results.at("cells").at(0).at("samples");
  EXPECT_EQ(shown.at("grid"), json({1, 4}));
  ASSERT_THAT(shown.at("position_at"), SizeIs(16));
  EXPECT_EQ(shown.at("position_at").at(1), json({1, 2, 3, 0}));
  EXPECT_EQ(shown.at("draws_before_choosing"), true);
  ASSERT_THAT(shown.at("images"), SizeIs(16));
  EXPECT_EQ(shown.at("images").at(15), "exhibits/aaaaaaaaaaaa/015.png");
  const torch::Tensor copy = read_png(folder_ / "out" / "exhibits" / "aaaaaaaaaaaa" / "015.png");
  EXPECT_TRUE(copy.equal(at::full({3, 8, 8}, 15, torch::kUInt8)));
  EXPECT_FALSE(fs::exists(folder_ / "out" / "exhibits" / "aaaaaaaaaaaa" / "016.png"));
  EXPECT_EQ(shown.at("conditions").at(0), "shirt");
  EXPECT_EQ(shown.at("conditions").at(1), "shoe");
  EXPECT_EQ(shown.at("conditions").at(2), nullptr);  // class -1: it has none
}

TEST_F(Exhibits, SayTheCaptionsThatImagesWereDrawnUnder) {
  const StageNode made = node("samples", 'a'), dataset = node("dataset", 'd'),
                  tokens = node("captions", 'e');
  const StageResult drawn = samples("samples", true, "caption"), data = images_of_two_classes(),
                    captions = result("captions", json::object());
  json results = cells(1);
  add_exhibits(results,
               {{CellStatus::kDone,
                 "",
                 {{"dataset", &dataset, &data},
                  {"captions", &tokens, &captions},
                  {"samples", &made, &drawn}}}},
               folder_ / "out");
  const json& conditions = results.at("cells").at(0).at("samples").at("conditions");
  EXPECT_EQ(conditions.at(1), "number 1");
  EXPECT_EQ(conditions.at(2), nullptr);
}

TEST_F(Exhibits, ThatAreThereAreNotCopiedAgain) {
  const StageNode made = node("samples", 'a');
  const StageResult drawn = samples("samples", true);
  const CellOutcome cell{CellStatus::kDone, "", {{"samples", &made, &drawn}}};
  json first = cells(2), second = cells(1);
  add_exhibits(first, {cell, cell}, folder_ / "out");
  EXPECT_EQ(first.at("cells").at(0), first.at("cells").at(1));  // one artifact, once
  fs::remove_all(drawn.folder / "images" / "000000.png");
  add_exhibits(second, {cell}, folder_ / "out");
  EXPECT_EQ(second.at("cells").at(0), first.at("cells").at(0));
}

TEST_F(Exhibits, OfCodesAreOrdersAlone) {
  const StageNode made = node("samples", 'c');
  const StageResult drawn = samples("codes", false);
  json results = cells(1);
  add_exhibits(results, {{CellStatus::kDone, "", {{"samples", &made, &drawn}}}}, folder_ / "out");
  const json& shown = results.at("cells").at(0).at("samples");
  EXPECT_THAT(shown.at("position_at"), SizeIs(16));
  EXPECT_FALSE(shown.contains("images"));
  EXPECT_FALSE(shown.contains("conditions"));
  EXPECT_FALSE(fs::exists(folder_ / "out" / "exhibits"));
}

TEST_F(Exhibits, OfATokenizerAreOriginalsBesideReconstructions) {
  const StageNode made = node("reconstructions", 'b');
  const StageResult shown = result("shown", {{"images", 2}});
  for (const char* name :
       {"original_000.png", "original_001.png", "reconstructed_000.png", "reconstructed_001.png"}) {
    write_png(shown.folder / name, at::full({3, 8, 8}, 7, torch::kUInt8));
  }
  json results = cells(1);
  add_exhibits(results, {{CellStatus::kDone, "", {{"reconstructions", &made, &shown}}}},
               folder_ / "out");
  const json& pairs = results.at("cells").at(0).at("reconstructions");
  EXPECT_EQ(pairs.at("originals"), json({"exhibits/bbbbbbbbbbbb/original_000.png",
                                         "exhibits/bbbbbbbbbbbb/original_001.png"}));
  EXPECT_EQ(pairs.at("reconstructed").at(1), "exhibits/bbbbbbbbbbbb/reconstructed_001.png");
}

TEST_F(Exhibits, ACellThatDidNotComeSoFarHasNone) {
  json results = cells(1);
  add_exhibits(results, {{CellStatus::kFailed, "why", {}}}, folder_ / "out");
  EXPECT_EQ(results.at("cells").at(0), json::object());
}

TEST_F(Exhibits, AnImageThatCannotBeReadIsNamed) {
  const StageNode made = node("samples", 'a');
  const StageResult drawn = samples("samples", true);
  fs::remove(drawn.folder / "images" / "000003.png");
  json results = cells(1);
  try {
    add_exhibits(results, {{CellStatus::kDone, "", {{"samples", &made, &drawn}}}}, folder_ / "out");
    FAIL() << "an image is missing";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("000003.png"));
  }
}

}  // namespace
}  // namespace oar
