// The program itself, run as a user runs it: exit codes, messages, and what survives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "reports/report.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

// Small enough for a second or two, and yet every stage is in it.
constexpr char kMicroSweep[] = R"({
  "version": 1,
  "name": "micro",
  "defaults": {
    "dataset": {"name": "sunset", "image_size": 32, "max_images": 40, "held_out": 0.2},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8, "codebook_size": 16, "perceptual_weight": 0},
    "model": {"layers": 1, "width": 32, "heads": 2},
    "train": {"images_seen": 64, "batch_size": 16},
    "relabel": {"max_images": 8, "images_seen": 32, "batch_size": 16},
    "generate": {"num_samples": 12, "batch_size": 5},
    "evaluate": {"max_reference": 12, "kid_subset_size": 6, "kid_subsets": 5, "isc_splits": 2}
  },
  "recipes": {
    "raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
    "oar_finetuned": {}
  }
})";

class Program : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::ofstream(folder_ / "micro.json") << kMicroSweep;
  }

  Outcome run_micro(const std::string& store, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"run",   "micro.json",   "--store",  store,
                                          "--out", store + "-out", "--device", "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  json results(const std::string& store) {
    std::ifstream in(folder_ / (store + "-out") / "results.json");
    return json::parse(in);
  }

  /// Every number of a run, without times, dates and what was cached.
  static json numbers(const json& results) {
    json numbers = json::array();
    for (const json& cell : results.at("cells")) {
      json stages = json::array();
      for (const json& stage : cell.at("stages")) {
        stages.push_back({stage.at("role"), stage.at("key"), stage.at("record")});
      }
      numbers.push_back({cell.at("id"), cell.at("status"), cell.at("metrics"), stages});
    }
    return numbers;
  }
};

TEST_F(Program, TrainsAndScoresEveryRecipeAndRunsNothingTwice) {
  const Outcome first = run_micro("store");
  ASSERT_EQ(first.code, 0) << first.text;
  EXPECT_THAT(first.text, HasSubstr("report: store-out/report.html"));
  const json made = results("store");
  EXPECT_THAT(validate_results(made), ::testing::IsEmpty());
  ASSERT_EQ(made.at("cells").size(), 2u);
  for (const json& cell : made.at("cells")) {
    EXPECT_EQ(cell.at("status"), "done");
    EXPECT_EQ(cell.at("samples").at("images").size(), 12u);
    for (const json* images :
         {&cell.at("samples").at("images"), &cell.at("reconstructions").at("originals"),
          &cell.at("reconstructions").at("reconstructed")}) {
      EXPECT_FALSE(images->empty());
      for (const std::string image : *images) {
        EXPECT_TRUE(fs::exists(folder_ / "store-out" / image)) << image;
      }
    }
  }
  EXPECT_TRUE(fs::exists(folder_ / "store-out" / "report.md"));
  for (const json& cell : made.at("cells")) {
    std::map<std::string, json> records;
    for (const json& stage : cell.at("stages")) records[stage.at("role")] = stage.at("record");
    const double nats =
        records.at("any_order").at("held_out_nats_per_image").at("trained_order").get<double>();
    const double frequencies = 64 * std::log(records.at("tokens").at("perplexity").get<double>());
    const json signature = cell.at("order_statistics").at("signatures").back();
    EXPECT_EQ(signature.at("name"), "under_trained");
    EXPECT_NEAR(signature.at("value").get<double>(), nats / frequencies, 1e-9);
    EXPECT_EQ(signature.at("present"), true);  // four steps of training
  }

  const Outcome second = run_micro("store");
  ASSERT_EQ(second.code, 0) << second.text;
  const json again = results("store");
  for (const json& cell : again.at("cells")) {
    for (const json& stage : cell.at("stages")) EXPECT_EQ(stage.at("cached"), true) << stage;
  }
  EXPECT_EQ(numbers(made), numbers(again));
}

TEST_F(Program, TrainsWithWorkersWhatOneProcessTrains) {
  const std::vector<std::string> threads = {"--threads", "1"};
  ASSERT_EQ(run_micro("alone", threads).code, 0);
  const Outcome outcome = run_micro("shared", {"--threads", "1", "-j", "3"});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_EQ(numbers(results("alone")), numbers(results("shared")));
  std::multiset<std::string> started;
  std::ifstream log(folder_ / "shared-out" / "log.jsonl");
  for (std::string line; std::getline(log, line);) {
    const json event = json::parse(line);
    if (event.at("kind") == "stage_started") started.insert(event.at("key"));
  }
  EXPECT_EQ(started.size(), 19u);
  EXPECT_EQ(std::set<std::string>(started.begin(), started.end()).size(), 19u);
  const json made = results("shared");  // by workers of this very run
  for (const json& cell : made.at("cells")) {
    for (const json& stage : cell.at("stages")) EXPECT_EQ(stage.at("cached"), false) << stage;
  }
}

TEST_F(Program, TrainsAShardAndReportsWhatIsThere) {
  const Outcome shard = run_micro("store", {"--shard", "2/2"});
  ASSERT_EQ(shard.code, 0) << shard.text;
  EXPECT_TRUE(fs::exists(folder_ / "store-out" / "shards" / "2-of-2" / "report.md"));
  const Outcome half = run_micro("store", {"--report-only"});
  EXPECT_EQ(half.code, 75) << half.text;
  EXPECT_EQ(results("store").at("cells").at(0).at("status"), "interrupted");
  EXPECT_EQ(results("store").at("cells").at(1).at("status"), "done");
  EXPECT_EQ(run_micro("store", {"--shard", "3/2"}).code, 2);
  ASSERT_EQ(run_micro("store", {"--shard", "1/2"}).code, 0);
  EXPECT_EQ(run_micro("store", {"--report-only"}).code, 0);
}

TEST_F(Program, TrainsAndRecordsWhatItTakesToRunItAgain) {
  ASSERT_EQ(run_micro("store", {"--set", "train.images_seen=32"}).code, 0);
  const json made = results("store");
  EXPECT_EQ(made.at("sweep").at("file"), "micro.json");
  EXPECT_EQ(made.at("sweep").at("set"), json::array({"train.images_seen=32"}));
  EXPECT_EQ(made.at("sweep").at("content"), json::parse(kMicroSweep));
  EXPECT_TRUE(made.at("context").contains("instruction_sets"));
  for (const json& stage : made.at("cells").at(1).at("stages")) {
    EXPECT_GE(stage.at("cpu_seconds"), 0.0);
    EXPECT_GT(stage.at("peak_memory"), 1 << 20);  // a program with libtorch in it
    EXPECT_EQ(stage.at("attempts"), 1);
    EXPECT_EQ(stage.at("made_by").at("commit"), made.at("context").at("commit"));
    EXPECT_EQ(stage.contains("weights_sha256"), stage.at("stage") == "tokenizer" ||
                                                    stage.at("stage") == "any_order" ||
                                                    stage.at("stage") == "specialist");
  }
}

TEST_F(Program, TrainsNothingAgainThatFailedInThisRun) {
  const Outcome outcome =
      run_micro("store", {"-j", "2", "--set", "train.learning_rate=1e30", "--threads", "1"});
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  std::multiset<std::string> failed;
  std::ifstream log(folder_ / "store-out" / "log.jsonl");
  for (std::string line; std::getline(log, line);) {
    const json event = json::parse(line);
    if (event.at("kind") == "stage_started" && event.at("stage") == "any_order") {
      failed.insert(event.at("key"));
    }
  }
  EXPECT_EQ(failed.size(), 2u);  // each of the two trainings once
  EXPECT_EQ(results("store").at("cells").at(1).at("status"), "diverged");
}

TEST_F(Program, TrainsOnAfterKillsWithTheNumbersOfAnUndisturbedRun) {
  ASSERT_EQ(run_micro("calm").code, 0);
  int kills = 0;
  for (int milliseconds = 300; milliseconds < 4000; milliseconds += 500) {
    const pid_t child =
        start({"run", "micro.json", "--store", "killed", "--out", "killed-out", "--device", "cpu"});
    ::usleep(milliseconds * 1000);
    ::kill(child, SIGKILL);
    if (finish(child).code == 128 + SIGKILL) ++kills;
  }
  EXPECT_GT(kills, 0);
  const Outcome last = run_micro("killed");
  ASSERT_EQ(last.code, 0) << last.text;
  EXPECT_EQ(numbers(results("calm")), numbers(results("killed")));
}

TEST_F(Program, TrainsUntilASignalThenStopsWith75AndContinues) {
  const std::vector<std::string> longer = {"--set", "train.images_seen=200000"};
  std::vector<std::string> arguments = {"run",   "micro.json", "--store",  "store",
                                        "--out", "store-out",  "--device", "cpu"};
  arguments.insert(arguments.end(), longer.begin(), longer.end());
  const pid_t child = start(arguments);
  // Wait until the long stage has begun, then interrupt it.
  const auto begun = [&] {
    for (const auto& entry :
         fs::recursive_directory_iterator(folder_, fs::directory_options::skip_permission_denied)) {
      if (entry.path().string().find("any_order") != std::string::npos &&
          entry.path().extension() == ".work") {
        return true;
      }
    }
    return false;
  };
  for (int i = 0; i < 600 && !begun(); ++i) ::usleep(100000);
  ::usleep(500000);
  ::kill(child, SIGTERM);
  const Outcome stopped = finish(child);
  EXPECT_EQ(stopped.code, 75) << stopped.text;
  EXPECT_THAT(stopped.text, HasSubstr("the same command again continues"));
  bool checkpoint = false;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "store")) {
    checkpoint = checkpoint || entry.path().filename() == "checkpoint.safetensors";
  }
  EXPECT_TRUE(checkpoint);
  EXPECT_EQ(results("store").at("cells").at(0).at("status"), "interrupted");
}

TEST_F(Program, TrainsUntilTheDiskIsFullThenContinues) {
  const Outcome full = finish(
      start({"run", "micro.json", "--store", "store", "--out", "store-out", "--device", "cpu"},
            100 * 1000));
  EXPECT_EQ(full.code, 74) << full.text;
  EXPECT_THAT(full.text, HasSubstr("store/"));  // the path that could not be written
  const Outcome enough = run_micro("store");
  EXPECT_EQ(enough.code, 0) << enough.text;
}

TEST_F(Program, TrainsNoFurtherWhereTheLossDiverges) {
  const Outcome outcome = run_micro("store", {"--set", "train.learning_rate=1e30"});
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  const json made = results("store");
  EXPECT_EQ(made.at("cells").at(0).at("status"), "diverged");
  EXPECT_THAT(made.at("cells").at(0).at("error").get<std::string>(), HasSubstr("learning rate"));
  EXPECT_EQ(made.at("cells").size(), 2u);  // the other cell was tried all the same
}

TEST_F(Program, SaysWhereASweepIsWrong) {
  const Outcome outcome = run_micro("store", {"--set", "generate.order=rastr"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, HasSubstr("rastr"));
  EXPECT_THAT(outcome.text, HasSubstr("raster"));
  EXPECT_FALSE(fs::exists(folder_ / "store"));
}

TEST_F(Program, SaysWhichDataIsMissing) {
  const Outcome missing =
      run_micro("store", {"--set", "dataset.name=image_folder", "--set", "dataset.root=nowhere"});
  EXPECT_EQ(missing.code, 65);
  EXPECT_THAT(missing.text, HasSubstr("nowhere"));
}

TEST_F(Program, RecordsADataSetOfBrokenFilesAsAFailure) {
  fs::create_directories(folder_ / "photos");
  std::ofstream(folder_ / "photos" / "a.jpg") << "not an image";
  const Outcome outcome =
      run_micro("store", {"--set", "dataset.name=image_folder", "--set", "dataset.root=photos"});
  EXPECT_EQ(outcome.code, 65) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("a.jpg"));
}

TEST_F(Program, RefusesWrongFeatureWeightsBeforeAnythingRuns) {
  std::ofstream(folder_ / "inception.pth") << "not weights";
  const Outcome outcome = run_micro("store", {"--set", "evaluate.features=inception_v3", "--set",
                                              "evaluate.weights=inception.pth"});
  EXPECT_EQ(outcome.code, 65) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("inception.pth"));
  EXPECT_FALSE(fs::exists(folder_ / "store" / "dataset"));
}

TEST_F(Program, PlansWithoutRunning) {
  const Outcome outcome = run({"plan", "micro.json", "--store", "store"});
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("2 cells, 19 different stages: 0 cached, 19 to do"));
}

TEST_F(Program, ListsEveryNameASweepMayUse) {
  const Outcome outcome = run({"list"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* name : {"fashion_products", "sunset", "oar", "rotary", "inception_v3",
                           "generate.distance_penalty"}) {
    EXPECT_THAT(outcome.text, HasSubstr(name));
  }
}

TEST_F(Program, ListsEachOrderWithItsKindAndWhatItWasCheckedAgainstIn100Columns) {
  const Outcome outcome = run({"list", "orders"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("  raster           fixed    row by row from the top-left "
                                      "corner, as text is read\n                            "
                                      "checked: closed form: mean inter-patch distance"));
  EXPECT_THAT(outcome.text, HasSubstr("\n  oar              learned  most confident open patch"));
  std::istringstream lines(outcome.text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }),
              100)
        << line;
  }
}

TEST_F(Program, AnUnknownVerbOrOptionIsAUsageError) {
  EXPECT_EQ(run({"rum"}).code, 2);
  EXPECT_EQ(run({"run", "micro.json", "--devic", "cpu"}).code, 2);
  EXPECT_EQ(run({"run", "micro.json", "--device", "tpu"}).code, 2);
  EXPECT_EQ(run({"run", "absent.json"}).code, 74);
}

}  // namespace
}  // namespace oar
