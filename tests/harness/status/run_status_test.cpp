#include "harness/status/run_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "harness/status/status_verb.h"
#include "harness/store/live_file.h"
#include "harness/store/progress.h"
#include "harness/store/utc_time.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RunStatusTest : public testing::Test {
 protected:
  RunStatusTest() {
    std::string name = (fs::temp_directory_path() / "oar-status-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    top_ = name;
    run_ = top_ / "runs" / "quick";
    fs::create_directories(run_ / "status");
  }
  ~RunStatusTest() override { fs::remove_all(top_); }

  void log(json event) {
    event.emplace("time", "2025-04-24T09:30:00.000Z");
    std::ofstream(run_ / "log.jsonl", std::ios::app) << event.dump() << "\n";
  }
  void log_start() {
    log({{"kind", "run_started"},
         {"name", "quickstart"},
         {"sweep", "sweeps/quickstart.json"},
         {"cells", 4},
         {"command", "oar-bench run 'sweeps/quick start.json' -j 2"}});
  }
  void record(const fs::path& file, const std::string& created,
              const std::vector<std::pair<std::string, std::string>>& cells) {
    json list = json::array();
    for (const auto& [id, status] : cells) list.push_back({{"id", id}, {"status", status}});
    fs::create_directories(file.parent_path());
    std::ofstream(file) << json{{"name", "quickstart"}, {"created", created}, {"cells", list}};
  }
  RunStatus look() {
    RunLog log(run_ / "log.jsonl");
    return look_at_run(run_, log);
  }
  std::string text() { return status_text(look(), *time_from_iso("2025-04-24T09:42:03Z")); }

  static json shown() {
    ProgressState state;
    state.title = "[3/11] any_order";
    state.unit = "images";
    state.done = 12800;
    state.total = 80000;
    return {{"host", "node7"},           {"pid", 4711},       {"worker", "2/4"},
            {"cell", "oar/seed=0"},      {"stages_done", 12}, {"stages_total", 40},
            {"progress", to_json(state)}};
  }

  fs::path top_, run_;
};

TEST_F(RunStatusTest, OfARunningSweepShowsProcessesStagesAndCells) {
  log_start();
  record(run_ / "results.json", "2025-04-24T09:35:00Z",
         {{"a", "done"}, {"b", "failed"}, {"c", "interrupted"}});
  LiveFile live(run_ / "status");
  live.show(shown());
  EXPECT_EQ(text(), run_.string() +
                        ": running, started 12m03s ago\n"
                        "  sweep     quickstart (sweeps/quickstart.json)\n"
                        "  cells     1 done, 1 failed, 2 to do of 4\n"
                        "  process   4711 on node7, worker 2/4, 12 of 40 stages, cell oar/seed=0\n"
                        "            [3/11] any_order  12,800/80,000 images  0s\n");
}

TEST_F(RunStatusTest, OfAStoppedSweepSaysHowToContinue) {
  log_start();
  record(run_ / "results.json", "2025-04-24T09:35:00Z",
         {{"a", "done"}, {"b", "diverged"}, {"c", "interrupted"}, {"d", "interrupted"}});
  log({{"kind", "run_ended"}, {"code", 75}, {"time", "2025-04-24T09:40:00.000Z"}});
  EXPECT_EQ(text(),
            run_.string() +
                ": ended 2m03s ago with code 75: interrupted\n"
                "  sweep     quickstart (sweeps/quickstart.json)\n"
                "  cells     1 done, 1 diverged, 2 interrupted of 4\n"
                "  next      continue with: oar-bench run 'sweeps/quick start.json' -j 2\n");
}

TEST_F(RunStatusTest, OfAFinishedSweepAsksForNothing) {
  log_start();
  record(run_ / "results.json", "2025-04-24T09:35:00Z",
         {{"a", "done"}, {"b", "done"}, {"c", "done"}, {"d", "done"}});
  log({{"kind", "run_ended"}, {"code", 0}, {"time", "2025-04-24T09:42:00.000Z"}});
  EXPECT_THAT(text(), HasSubstr("ended 3s ago with code 0: all done\n"));
  EXPECT_THAT(text(), HasSubstr("cells     4 done of 4\n"));
  EXPECT_THAT(text(), Not(HasSubstr("next")));
}

TEST_F(RunStatusTest, ARunThatAnErrorEndedSaysSo) {
  log_start();
  log({{"kind", "run_ended"}, {"code", nullptr}, {"time", "2025-04-24T09:42:00.000Z"}});
  EXPECT_THAT(text(), HasSubstr(": ended 3s ago by an error or a signal\n"));
  EXPECT_THAT(text(), HasSubstr("continue with: oar-bench run"));
}

TEST_F(RunStatusTest, AProcessThatDiedIsNamedWithItsLastWords) {
  log_start();
  {
    LiveFile live(run_ / "status");
    live.show(shown());
    live.leave();  // what a killed process leaves
  }
  EXPECT_THAT(text(), HasSubstr(": stopped without a word; started 12m03s ago\n"));
  EXPECT_THAT(text(), HasSubstr("  dead      4711 on node7, worker 2/4"));
  EXPECT_THAT(text(), Not(HasSubstr("12,800")));
  EXPECT_FALSE(look().running());
}

TEST_F(RunStatusTest, AProcessThatEndedBetweenTwoStagesIsNotCalledDead) {
  log_start();
  {
    json last = shown();
    last["progress"] = to_json(ProgressState());
    LiveFile live(run_ / "status");
    live.show(last);
    live.leave();
  }
  EXPECT_THAT(text(), HasSubstr("  ended     4711 on node7, worker 2/4"));
}

TEST_F(RunStatusTest, TheLatestErrorsAreThoseOfTheLatestRun) {
  const auto fail = [&](const std::string& message) {
    log({{"kind", "stage_failed"},
         {"stage", "any_order"},
         {"key", "0123456789abcdef"},
         {"status", "failed"},
         {"message", message}});
  };
  log_start();
  fail("of the run before");
  log_start();
  for (int i = 0; i < 7; ++i) fail("any_order/0123456789ab: error " + std::to_string(i));
  fail("\x1b[2Jtwo\nlines");
  const RunStatus status = look();
  ASSERT_THAT(status.errors, SizeIs(RunLog::kMostErrors));
  EXPECT_EQ(status.errors.front().message, "any_order/0123456789ab: error 3");
  EXPECT_THAT(text(), HasSubstr("  error     any_order/0123456789ab: error 6\n"
                                "  error     any_order/0123456789ab: \\x1b[2Jtwo\\nlines\n"));
}

TEST_F(RunStatusTest, RunsOfWorkersAreNoRunsOfTheirOwn) {
  log_start();
  log({{"kind", "run_started"}, {"name", "worker"}, {"cells", 1}, {"worker", "1/2"}});
  log({{"kind", "run_ended"}, {"code", 74}, {"worker", "1/2"}});
  EXPECT_EQ(look().name, "quickstart");
  EXPECT_FALSE(look().code);
}

TEST_F(RunStatusTest, CellsOfShardsAreCountedOnceByTheirLatestRecord) {
  log_start();
  record(run_ / "shards" / "1-of-2" / "results.json", "2025-04-24T09:35:00Z",
         {{"a", "interrupted"}, {"b", "done"}});
  record(run_ / "shards" / "2-of-2" / "results.json", "2025-04-24T09:36:00Z", {{"c", "failed"}});
  record(run_ / "results.json", "2025-04-24T09:37:00Z", {{"a", "done"}});
  const CellCounts cells = look().cells;
  EXPECT_EQ(cells.done, 2);
  EXPECT_EQ(cells.failed, 1);
  EXPECT_EQ(cells.to_do, 1);
  EXPECT_EQ(cells.total, 4);
}

TEST_F(RunStatusTest, WhatAnEarlierRunCouldNotDoIsToDoWhileOneRuns) {
  log_start();
  record(run_ / "results.json", "2025-04-24T09:00:00Z", {{"a", "done"}, {"b", "failed"}});
  EXPECT_EQ(look().cells.failed, 1);
  const LiveFile live(run_ / "status");
  EXPECT_EQ(look().cells.failed, 0);
  EXPECT_EQ(look().cells.done, 1);
  EXPECT_EQ(look().cells.to_do, 3);
}

TEST_F(RunStatusTest, AWrongFileIsNothingKnown) {
  for (const char* name : {"results.json", "log.jsonl"}) {
    std::ofstream(run_ / name) << "{\"cells\": 3, \"created\": [], \"kind\": 7}\nno json\n[1]\n";
  }
  std::ofstream(run_ / "status" / "x.json") << "no json";
  const RunStatus status = look();
  EXPECT_EQ(status.cells.total, 0);
  EXPECT_EQ(status.name, "");
  EXPECT_THAT(text(), HasSubstr(": not running\n"));
  EXPECT_THAT(text(), HasSubstr("next      continue with the same command as before\n"));
}

TEST_F(RunStatusTest, ALogIsReadOnFromWhereItEnded) {
  RunLog log_file(run_ / "log.jsonl");
  log_file.read_on();
  EXPECT_FALSE(log_file.found());
  log_start();
  std::ofstream(run_ / "log.jsonl", std::ios::app) << "{\"kind\":\"run_ended\",";
  log_file.read_on();
  EXPECT_EQ(log_file.started().at("cells"), 4);
  EXPECT_TRUE(log_file.ended().is_null());
  std::ofstream(run_ / "log.jsonl", std::ios::app) << "\"code\":1}\n";
  log_file.read_on();
  EXPECT_EQ(log_file.ended().at("code"), 1);
  std::ofstream(run_ / "log.jsonl") << "{\"kind\":\"run_started\",\"cells\":9}\n";  // begun anew
  log_file.read_on();
  EXPECT_EQ(log_file.started().at("cells"), 9);
  EXPECT_TRUE(log_file.ended().is_null());
}

class StatusVerbTest : public RunStatusTest {
 protected:
  std::string run(StatusOptions options) {
    std::ostringstream out;
    options.runs = top_ / "runs";
    EXPECT_EQ(run_status(options, out), 0);
    return out.str();
  }
};

TEST_F(StatusVerbTest, WithoutAFolderShowsEveryRun) {
  log_start();
  fs::create_directories(top_ / "runs" / "another" / "status");
  fs::create_directories(top_ / "runs" / "no run");
  EXPECT_THAT(run({}), testing::MatchesRegex(".*/runs/another: not running\n.*\n\n.*/runs/quick: "
                                             "stopped .*"));
  StatusOptions as_json;
  as_json.json = true;
  EXPECT_THAT(json::parse(run(as_json)), SizeIs(2));
}

TEST_F(StatusVerbTest, JsonSaysAllOfIt) {
  log_start();
  LiveFile live(run_ / "status");
  live.show(shown());
  StatusOptions options;
  options.folder = run_;
  options.json = true;
  const json status = json::parse(run(options));
  EXPECT_EQ(status.at("running"), true);
  EXPECT_EQ(status.at("name"), "quickstart");
  EXPECT_EQ(status.at("started"), "2025-04-24T09:30:00.000Z");
  EXPECT_EQ(status.at("code"), nullptr);
  EXPECT_EQ(status.at("cells").at("to_do"), 4);
  EXPECT_EQ(status.at("processes").at(0).at("shown"), shown());
  EXPECT_THAT(status.at("errors"), IsEmpty());
}

TEST_F(StatusVerbTest, WatchesUntilNoProcessIsLeft) {
  log_start();
  auto live = std::make_unique<LiveFile>(run_ / "status");
  StatusOptions options;
  options.folder = run_;
  options.watch = options.json = true;
  int looks = 0;
  options.wait = [&] {
    if (++looks == 3) live.reset();
  };
  std::istringstream lines(run(options));
  std::vector<json> seen;
  for (std::string line; std::getline(lines, line);) seen.push_back(json::parse(line));
  ASSERT_THAT(seen, SizeIs(4));
  EXPECT_EQ(seen[2].at("running"), true);
  EXPECT_EQ(seen[3].at("running"), false);
}

TEST_F(StatusVerbTest, AFolderWithoutARunIsAnErrorOfInput) {
  std::ostringstream out;
  StatusOptions options;
  for (const char* folder : {"absent", "runs"}) {
    options.folder = top_ / folder;
    EXPECT_THROW(run_status(options, out), std::system_error);
  }
  options.folder.clear();
  options.runs = top_ / "absent";
  EXPECT_THROW(run_status(options, out), std::system_error);
}

}  // namespace
}  // namespace oar
