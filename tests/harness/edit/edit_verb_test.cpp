// The program itself: a small run is trained, then edited with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "datasets/sha256.h"
#include "tests/harness/edit/edit_fixture.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kSweep[] = R"({
  "version": 1,
  "name": "micro",
  "defaults": {
    "dataset": {"name": "sunset", "image_size": 32, "max_images": 40, "held_out": 0.2},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16, "perceptual_weight": 0},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": {"max_images": 8, "images_seen": 32, "batch_size": 16},
    "generate": {"num_samples": 12, "batch_size": 12},
    "evaluate": {"metrics": ["fid"], "max_reference": 12}
  },
  "recipes": {
    "plain": {},
    "raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
    "classes": {"model.condition": "class", "relabel": null},
    "always": {"model.condition": "class", "model.condition_dropout": 0, "relabel": null}
  }
})";

constexpr char kCodesSweep[] = R"({
  "version": 1,
  "name": "codes",
  "defaults": {
    "dataset": {"name": "planted_path", "max_images": 40},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": null,
    "generate": {"num_samples": 4},
    "evaluate": {"known_answer_images": 4}
  },
  "recipes": {"codes": {}}
})";

/// 8x8 patches of 4x4 pixels. The image has 48x40 pixels, so 40 / 8 = 5 in a patch.
class EditVerb : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::ofstream(folder_ / "micro.json") << kSweep;
    const Outcome trained = run({"run", "micro.json", "--out", "run", "--device", "cpu"});
    ASSERT_EQ(trained.code, 0) << trained.text;
    write_png(folder_ / "photo.png", noise(40, 48, 1));
    write_png(folder_ / "mask.png", rectangle(40, 48, 10, 20, 14, 29));  // patches 2, 3 x 2, 3, 4
  }

  Outcome edit(std::vector<std::string> arguments, const std::string& cell = "plain") {
    for (const char* more : {"--run", "run", "--cell", cell.c_str(), "--device", "cpu"}) {
      arguments.push_back(more);
    }
    return run(arguments);
  }
  Outcome inpaint(std::vector<std::string> more, const std::string& cell = "plain") {
    more.insert(more.begin(), {"inpaint", "photo.png", "mask.png"});
    return edit(more, cell);
  }

  /// The code and the message of what must fail.
  void expect_refused(const Outcome& outcome, int code, const std::string& words) {
    EXPECT_EQ(outcome.code, code) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(words));
  }

  json record(const std::string& folder) { return read_json(folder_ / folder / "edit.json"); }
  torch::Tensor sample(const std::string& folder, const std::string& name = "sample-000.png") {
    return read_png(folder_ / folder / name);
  }
  torch::Tensor canvas(int64_t side = 32) {
    return decode_square(read_bytes(folder_ / "photo.png"), side);
  }
};

TEST_F(EditVerb, TrainsThenInpaintsAndSaysWhatItDid) {
  const Outcome first = inpaint({"--out", "a", "--num-samples", "2"});
  ASSERT_EQ(first.code, 0) << first.text;
  EXPECT_THAT(first.text, AllOf(HasSubstr("6 of 64 patches"), HasSubstr("a/sample-001.png")));
  const json made = record("a");
  EXPECT_EQ(made.at("schema_version"), 1);
  EXPECT_EQ(made.at("verb"), "inpaint");
  EXPECT_EQ(made.at("image").at("sha256"), sha256_file(folder_ / "photo.png"));
  EXPECT_EQ(made.at("mask").at("sha256"), sha256_file(folder_ / "mask.png"));
  EXPECT_EQ(made.at("drawn_patches"), 6);
  EXPECT_EQ(made.at("model").at("role"), "any_order");
  EXPECT_TRUE(fs::is_directory(folder_ / "store" / "any_order" /
                               made.at("model").at("key").get<std::string>()));
  EXPECT_EQ(made.at("options").at("confidence"), "max_probability");
  ASSERT_EQ(made.at("samples").size(), 2u);
  const json& one = made.at("samples")[1];
  EXPECT_EQ(one.at("position_at").size(), 64u);
  EXPECT_EQ(one.at("codes").size(), 64u);
  double sum = 0;
  for (const json& nats : one.at("log_likelihood")) sum += nats.get<double>();
  EXPECT_NEAR(one.at("mean_log_likelihood").get<double>(), sum / 6, 1e-9);

  const torch::Tensor drawn = sample("a", "mask.png") > 0;  // rows 8 .. 15, columns 8 .. 19
  EXPECT_TRUE(drawn.slice(1, 8, 16).slice(2, 8, 20).all().item<bool>());
  EXPECT_EQ(drawn.sum().item<int64_t>(), 3 * 8 * 12);
  EXPECT_TRUE(sample("a")
                  .masked_select(drawn.logical_not())
                  .equal(canvas().masked_select(drawn.logical_not())));

  // Under the mask there may be anything.
  const torch::Tensor mask = read_png(folder_ / "mask.png");
  write_png(folder_ / "photo.png", torch::where(mask > 0, noise(40, 48, 2), noise(40, 48, 1)));
  ASSERT_EQ(inpaint({"--out", "b", "--num-samples", "2"}).code, 0);
  EXPECT_EQ(sha256_file(folder_ / "a/sample-001.png"), sha256_file(folder_ / "b/sample-001.png"));
  EXPECT_EQ(record("b").at("samples"), made.at("samples"));

  // Nothing is replaced unasked, and then nothing but an edit.
  expect_refused(inpaint({"--out", "a"}), 2, "the folder \"a\" is not empty");
  ASSERT_EQ(inpaint({"--out", "a", "--force", "--num-samples", "1", "--decode-all", "--model",
                     "final", "--order", "random", "--distance-penalty", "1"})
                .code,
            0);
  EXPECT_FALSE(fs::exists(folder_ / "a/sample-001.png"));
  EXPECT_EQ(record("a").at("model").at("role"), "specialist");
  EXPECT_EQ(record("a").at("options").at("known_pixels"), "decoded");
  EXPECT_EQ(record("a").at("options").at("distance_penalty"), 1);
  EXPECT_FALSE(sample("a")
                   .masked_select(drawn.logical_not())
                   .equal(canvas().masked_select(drawn.logical_not())));
  std::ofstream(folder_ / "a/mine.txt") << "do not touch";
  expect_refused(inpaint({"--out", "a", "--force"}), 2, "mine.txt\" is no part of an edit");

  const Outcome outside = edit({"outpaint", "photo.png", "--at", "1,4", "--scale", "3", "--order",
                                "spiral_out", "--distance-penalty", "1"});
  ASSERT_EQ(outside.code, 0) << outside.text;
  EXPECT_EQ(record("outpaint-photo").at("place"), (json{{"row", 1}, {"col", 4}, {"scale", 3}}));
  EXPECT_EQ(record("outpaint-photo").at("drawn_patches"), 64 - 9);
  EXPECT_FALSE(record("outpaint-photo").at("options").contains("distance_penalty"));  // not read
  EXPECT_TRUE(sample("outpaint-photo", "sample-003.png")
                  .slice(1, 4, 16)
                  .slice(2, 16, 28)
                  .equal(canvas(12)));
}

TEST_F(EditVerb, TrainsThenDrawsAClassAndRefusesWhatItCannotDo) {
  const Outcome violet = inpaint({"--label", "violet", "--guidance-scale", "2"}, "classes");
  ASSERT_EQ(violet.code, 0) << violet.text;
  EXPECT_EQ(record("inpaint-photo").at("options").at("label"), "violet");
  EXPECT_EQ(inpaint({"--out", "none"}, "classes").code, 0);  // without a class: no condition
  EXPECT_TRUE(record("none").at("options").at("label").is_null());

  EXPECT_TRUE(record("none").at("notes").empty());

  const Outcome untrained = inpaint({"--out", "untrained"}, "always");
  EXPECT_THAT(untrained.text,
              HasSubstr("note: the model was trained with model.condition_dropout 0"));
  EXPECT_EQ(record("untrained").at("notes").size(), 1u);
  EXPECT_EQ(inpaint({"--label", "violet", "--out", "named"}, "always").code, 0);
  EXPECT_TRUE(record("named").at("notes").empty());
  expect_refused(inpaint({"--label", "violet", "--guidance-scale", "3"}, "always"), 2,
                 "--guidance-scale 3: the model of cell recipe=always,seed=0 was trained with "
                 "model.condition_dropout 0");

  expect_refused(inpaint({"--label", "voilet"}, "classes"), 2, "did you mean \"violet\"?");
  expect_refused(inpaint({"--label", "violet"}), 2, "trained without a condition");
  expect_refused(inpaint({"--guidance-scale", "2"}, "classes"), 2, "add --label");
  expect_refused(inpaint({"--model", "specialist"}, "classes"), 2, "it has: any_order");
  expect_refused(inpaint({}, "no_such"), 2, "names 0 cells");
  expect_refused(inpaint({"--order", "oer"}), 2, "oar");
  expect_refused(inpaint({"--order", "location_head", "--out", "l"}), 2, "no location head");
  expect_refused(inpaint({"--order", "from_file"}), 2, "needs --order-file");
  expect_refused(inpaint({"--order", "drawn_from_file"}), 2, "--order drawn_from_file needs");
  expect_refused(inpaint({"--order-file", "orders.jsonl"}), 2,
                 "--order from_file and drawn_from_file only");
  expect_refused(inpaint({"--temperature", "0"}), 2, "temperature must be > 0");
  expect_refused(inpaint({"--memory", "1KiB", "--out", "m"}), 2, "allow more memory");
  EXPECT_FALSE(fs::exists(folder_ / "m"));
  expect_refused(edit({"outpaint", "photo.png", "--at", "6,0"}), 2, "0 to 4 are accepted");
  expect_refused(edit({"inpaint", "photo.png", "none.png"}), 74, "none.png");
  expect_refused(edit({"inpaint", "photo.png", "micro.json"}), 65, "micro.json");
  write_png(folder_ / "small.png", black(20, 48));
  expect_refused(edit({"inpaint", "photo.png", "small.png"}), 65, "48x20 pixels");
  write_png(folder_ / "black.png", black(40, 48));
  expect_refused(edit({"inpaint", "photo.png", "black.png"}), 65, "nothing to draw");

  std::ofstream(folder_ / "codes.json") << kCodesSweep;
  ASSERT_EQ(run({"run", "codes.json", "--out", "codes", "--device", "cpu"}).code, 0);
  expect_refused(run({"inpaint", "photo.png", "mask.png", "--run", "codes"}), 65,
                 "has no tokenizer: it was trained on codes, not on images");

  write_png(folder_ / "white.png", rectangle(40, 48, 0, 40, 0, 48));
  const Outcome all = edit({"inpaint", "photo.png", "white.png", "--out", "all"}, "raster");
  ASSERT_EQ(all.code, 0) << all.text;
  EXPECT_THAT(all.text, AllOf(HasSubstr("note: every patch is drawn"),
                              HasSubstr("note: the model was trained on the order \"raster\"")));
  EXPECT_EQ(record("all").at("known_patches"), 0);
  EXPECT_EQ(record("all").at("notes").size(), 2u);
}

}  // namespace
}  // namespace oar
