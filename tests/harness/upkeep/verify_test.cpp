// A store and a record that nobody has to believe.
#include "harness/upkeep/verify.h"

#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/stages/artifacts.h"
#include "harness/stages/stages.h"
#include "harness/store/machine.h"
#include "models/weights/tensor_file.h"
#include "tests/harness/store/store_fixture.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

const json kScoring = {
    {"metrics", {"fid", "kid"}}, {"kid_subsets", 5}, {"kid_subset_size", 8}, {"isc_splits", 2}};

/// A store with a model, its samples, features and scores, and the record of the run.
class VerifyTest : public StoreTest {
 protected:
  void SetUp() override {
    make(model_, {{"loss", 0.5}}, [](const fs::path& work) { write(work / "model.bin", "abc"); });
    for (int i = 0; i < 2; ++i) {
      const json record = {{"images", 16},
                           {"extractor", "efficientnet_lite0"},
                           {"device", "cpu"},
                           {"split", "train"},
                           {"weights_sha256", std::string(64, 'a')}};
      make(features_[i], record, [&](const fs::path& work) {
        at::manual_seed(i);
        write_safetensors(work / "features.safetensors",
                          {{"features", at::randn({16, 6})}, {"logits", at::randn({16, 4})}});
      });
    }
    const Store opened = store();
    scored_ = scores_of(kScoring, {opened.folder(features_[0]), record_of(features_[0])},
                        {opened.folder(features_[1]), record_of(features_[1])});
    make_scores(scored_);
    write_record();
  }

  void make(const StageNode& node, const json& record,
            const std::function<void(const fs::path&)>& files) const {
    const Store opened = store();
    fs::remove_all(opened.folder(node));
    opened.open_work(node);
    files(opened.work(node));
    json made_by = machine_record("cpu");
    made_by["threads"] = at::get_num_threads();
    opened.finish(node, {record, {}, made_by});
  }
  void make_scores(const json& scores) const {
    make(scores_, {{"scores", scores}},
         [&](const fs::path& work) { write(work / "scores.json", scores.dump()); });
  }
  json record_of(const StageNode& node) const {
    return store().inspect(node).manifest.at("record");
  }
  void write_record() const {
    json cell = example::cell("raster", 0, json::array());
    for (const StageNode& node : {model_, features_[0], features_[1], scores_}) {
      cell["stages"].push_back(example::stage(node.stage, node.key, 1, record_of(node)));
    }
    fs::create_directories(root_ / "run");
    write(root_ / "run" / "results.json", example::results({cell}).dump());
  }

  VerifyReport verify_run(bool set_aside = false) const {
    Progress progress;
    return verify({root_ / "store", root_ / "run", set_aside}, progress);
  }
  VerifyReport verify_store() const {
    Progress progress;
    return verify({root_ / "store", std::nullopt, false}, progress);
  }
  /// The one problem of a run, as a user meets it.
  std::string the_problem() const {
    const VerifyReport report = verify_run();
    if (report.problems.size() != 1) return std::to_string(report.problems.size()) + " problems";
    return report.problems[0].path.string() + ": " + report.problems[0].found + "; " +
           report.problems[0].next;
  }
  fs::path folder(const StageNode& node) const { return store().folder(node); }

  const StageNode model_ = make_node("any_order", 1, {{"seed", 0}});
  const StageNode features_[2] = {make_node("features", 1, {{"of", "samples"}}, {{"m", model_}}),
                                  make_node("features", 1, {{"of", "images"}})};
  const StageNode scores_ =
      make_node("scores", 2, kScoring, {{"generated", features_[0]}, {"reference", features_[1]}});
  json scored_;
};

TEST_F(VerifyTest, ARunThatNobodyTouchedIsWhole) {
  const VerifyReport report = verify_run();
  EXPECT_EQ(report.artifacts, 4);
  EXPECT_EQ(report.rescored, 1);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_TRUE(report.notes.empty());
  EXPECT_EQ(verify_store().artifacts, 4);
}

TEST_F(VerifyTest, AFlippedBitIsFoundInAFileOfTheSameSize) {
  write(folder(model_) / "model.bin", "abb");
  EXPECT_THAT(the_problem(), AllOf(HasSubstr(folder(model_).string()),
                                   HasSubstr("model.bin has the SHA-256"), HasSubstr("run the")));
}

TEST_F(VerifyTest, AnEditedManifestDiffersFromItsOwnHash) {
  json manifest = read_json(folder(model_) / "manifest.json");
  manifest["record"]["loss"] = 0.1;
  write(folder(model_) / "manifest.json", manifest.dump());
  EXPECT_THAT(the_problem(), HasSubstr("its manifest.json is not what was written"));
}

TEST_F(VerifyTest, AFileThatNobodyListedIsFound) {
  write(folder(model_) / "extra.bin", "x");
  EXPECT_THAT(the_problem(), HasSubstr("extra.bin is not in its manifest"));
}

TEST_F(VerifyTest, AKeyThatItsConfigurationDoesNotGiveIsFound) {
  StageNode forged = make_node("tokens", 1, {{"seed", 1}});
  forged.config["seed"] = 2;  // sealed under the key of another configuration
  make(forged, json::object(), [](const fs::path& work) { write(work / "codes", "1"); });
  const VerifyReport report = verify_store();
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_THAT(report.problems[0].found,
              HasSubstr("its stage, version, configuration and inputs have the key"));
}

TEST_F(VerifyTest, AMissingArtifactIsNamed) {
  fs::remove_all(folder(model_));
  EXPECT_THAT(the_problem(), AllOf(HasSubstr(folder(model_).string()), HasSubstr("not there"),
                                   HasSubstr("--store")));
}

TEST_F(VerifyTest, ARecordThatIsNotTheStoresIsFound) {
  json results = read_json(root_ / "run" / "results.json");
  results["cells"][0]["stages"][0]["record"]["loss"] = 0.25;
  write(root_ / "run" / "results.json", results.dump());
  EXPECT_THAT(the_problem(),
              AllOf(HasSubstr("results.json"), HasSubstr("/loss: 0.5 against 0.25")));
  EXPECT_TRUE(verify_store().problems.empty());
}

TEST_F(VerifyTest, ScoresThatTheFeaturesDoNotGiveAreFound) {
  json better = scored_;  // sealed with hashes that are all right: only computing it anew tells
  const double value = better[0]["value"];
  better[0]["value"] = std::nextafter(value, 0.0);
  make_scores(better);
  write_record();
  EXPECT_THAT(the_problem(), AllOf(HasSubstr("computed again from its features, the scores differ"),
                                   HasSubstr("/0/value")));
}

TEST_F(VerifyTest, ScoresOfAnotherVersionAreNotComputedAgain) {
  const StageNode old =
      make_node("scores", 1, kScoring, {{"generated", features_[0]}, {"reference", features_[1]}});
  make(old, {{"scores", scored_}}, [](const fs::path& work) { write(work / "scores.json", "[]"); });
  const VerifyReport report = verify_store();
  EXPECT_TRUE(report.problems.empty());
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_THAT(report.notes[0], HasSubstr("scores of version 1 are not computed again"));
}

TEST_F(VerifyTest, WhatIsDamagedCanBeSetAsideForARunToMakeAnew) {
  write(folder(model_) / "model.bin", "abb");
  const VerifyReport report = verify_run(/*set_aside=*/true);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_TRUE(report.problems[0].set_aside);
  EXPECT_FALSE(fs::exists(folder(model_)));
  EXPECT_EQ(read((fs::path(folder(model_)) += ".damaged") / "model.bin"), "abb");
}

}  // namespace
}  // namespace oar
