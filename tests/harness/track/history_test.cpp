#include "harness/track/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "datasets/dataset.h"
#include "harness/exit_code.h"
#include "harness/track/history_figures.h"
#include "harness/track/track_verb.h"
#include "tests/reports/comparison/compared_results.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using example::fid_results;
using example::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class History : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar-track-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "history.jsonl";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add(const std::string& commit, std::vector<json> fids, bool force = false) const {
    append_to_history(file_, history_line(fid_results({{"oar", std::move(fids)}}), commit), force);
  }

  /// One commit for each mean: "c0", "c1", ...
  std::vector<HistorySeries> series(const std::vector<double>& means,
                                    const std::string& since = "") const {
    for (size_t i = 0; i < means.size(); ++i) add(std::to_string(i).insert(0, "c"), {means[i]});
    return series_of(read_history(file_), since);
  }

  fs::path folder_, file_;
};

TEST_F(History, ALineHoldsTheNumbersOfARecord) {
  const json line = history_line(fid_results({{"oar", {30.0, 32.0}}}), "");
  EXPECT_EQ(line["commit"], "0123abcd");
  EXPECT_EQ(line["tree_clean"], true);
  const json& number = line["numbers"][0];
  EXPECT_EQ(number["row"], "oar");
  EXPECT_EQ(number["metric"], "fid");
  EXPECT_EQ(number["n"], 2);
  EXPECT_EQ(number["mean"], 31.0);
  EXPECT_EQ(number["values"], json({30.0, 32.0}));
}

TEST_F(History, NumbersMeasuredInAnotherWayHaveOtherSettings) {
  const json results = fid_results({{"oar", {30.0}}});
  json other = results;
  other["cells"][0]["metrics"][0]["num_generated"] = 100;
  EXPECT_NE(history_line(results, "")["numbers"][0]["settings"],
            history_line(other, "")["numbers"][0]["settings"]);
}

TEST_F(History, ACommitIsNeeded) {
  json results = fid_results({{"oar", {30.0}}});
  results["context"]["commit"] = "unknown";
  EXPECT_THROW(history_line(results, ""), std::invalid_argument);
  EXPECT_EQ(history_line(results, "abc")["commit"], "abc");
}

TEST_F(History, ARepeatedCommitIsRefusedAndForcedInItReplacesTheEarlier) {
  add("a", {30.0});
  add("b", {31.0});
  EXPECT_THROW(add("a", {32.0}), std::invalid_argument);
  add("a", {32.0}, true);
  const std::vector<json> lines = read_history(file_);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["commit"], "b");
  EXPECT_EQ(lines[1]["numbers"][0]["mean"], 32.0);
}

TEST_F(History, ProcessesThatAppendAtOnceLeaveWholeLines) {
  constexpr int kProcesses = 8;
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() == 0) {
      add("commit" + std::to_string(i), {30.0});
      ::_exit(0);
    }
  }
  int status = 0;
  while (::wait(&status) > 0) EXPECT_EQ(status, 0);
  std::set<std::string> commits;
  for (const json& line : read_history(file_)) commits.insert(line["commit"]);
  EXPECT_EQ(commits.size(), static_cast<size_t>(kProcesses));
}

TEST_F(History, WhatIsNoHistoryIsNamedWithItsLine) {
  add("a", {30.0});
  std::ofstream(file_, std::ios::app) << "{\"schema_version\": 1}\n";
  try {
    read_history(file_);
    FAIL();
  } catch (const BadData& error) {
    EXPECT_THAT(error.what(), HasSubstr("history.jsonl:2: there is no commit"));
  }
  EXPECT_THROW(read_history(folder_ / "none.jsonl"), std::system_error);
}

// Three points 30, 31, 32: mean 31, s = 1, and 31.598 is t at 99.9 % with 2 degrees of freedom
// (scipy.stats.t.ppf(0.9995, 2)): 31 +- 31.598 * 1 * sqrt(4 / 3).
TEST_F(History, TheBandIsThePredictionIntervalOfThePointsBefore) {
  const std::vector<HistorySeries> all = series({30.0, 31.0, 32.0, 31.5});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_FALSE(all[0].points[2].band.has_value());
  EXPECT_NEAR(all[0].points[3].band->high, 31.0 + 31.5991 * std::sqrt(4.0 / 3.0), 1e-3);
  EXPECT_EQ(all[0].first_outside(), nullptr);
}

TEST_F(History, ALastingRegressionIsMarkedAtItsFirstCommit) {
  const std::vector<HistorySeries> all =
      series({30.0, 30.1, 29.9, 30.05, 29.95, 30.0, 36.0, 36.1, 36.0});
  ASSERT_NE(all[0].first_outside(), nullptr);
  EXPECT_EQ(all[0].first_outside()->commit, "c6");
  EXPECT_TRUE(all[0].points[8].outside);  // it has not become what is expected
}

TEST_F(History, ABandIsNeverNarrowerThanAThousandth) {
  const std::vector<HistorySeries> all = series({30.0, 30.0, 30.0, 30.05, 30.02});
  EXPECT_TRUE(all[0].points[3].outside);
  EXPECT_FALSE(all[0].points[4].outside);
}

TEST_F(History, SinceBeginsAnew) {
  const std::vector<HistorySeries> all = series({30.0, 30.0, 30.0, 36.0, 36.0}, "c3");
  EXPECT_EQ(all[0].points.size(), 2U);
  EXPECT_EQ(all[0].first_outside(), nullptr);
  EXPECT_THROW(series_of(read_history(file_), "c9"), std::invalid_argument);
}

TEST_F(History, NumbersMeasuredInAnotherWayAreAnotherSeries) {
  add("a", {30.0});
  json other = fid_results({{"oar", {90.0}}});
  other["cells"][0]["metrics"][0]["num_generated"] = 100;
  append_to_history(file_, history_line(other, "b"), false);
  const std::vector<HistorySeries> all = series_of(read_history(file_), "");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].points[0].commit, "b");  // what is measured now stands first
}

TEST_F(History, SweepsOfOneHistoryAreToldApart) {
  for (const char* sweep : {"quick", "thorough"}) {
    json results = fid_results({{"oar", {90.0}}});
    results["name"] = sweep;
    append_to_history(file_, history_line(results, "a"), false);
  }
  const std::vector<HistorySeries> all = series_of(read_history(file_), "");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].sweep, "quick");
  EXPECT_EQ(history_figures(all)[0].drawing["panels"][1]["title"], "thorough: oar");
  TrackCommand command;
  command.history = file_;
  std::ostringstream overview;
  run_track_show(command, overview);
  EXPECT_THAT(overview.str(), AllOf(HasSubstr("quick "), HasSubstr("thorough ")));
}

TEST_F(History, TrackShowsLinesBandsAndTheFirstCommitOutside) {
  series({30.0, 30.1, 29.9, 30.0, 36.0, 36.1});
  TrackCommand command;
  command.history = file_;
  std::ostringstream overview, commits, as_json;
  EXPECT_EQ(run_track_show(command, overview), kAllDone);
  EXPECT_THAT(overview.str(), HasSubstr("▁▁▁▁██"));
  EXPECT_THAT(overview.str(), HasSubstr("first outside: c4, worse (2 of 2 commits since)"));
  command.metric = "fid";
  run_track_show(command, commits);
  EXPECT_THAT(commits.str(), HasSubstr("<- first outside: worse"));
  command.json = true;
  run_track_show(command, as_json);
  EXPECT_EQ(json::parse(as_json.str())["series"][0]["first_outside"], "c4");
  command.metric = "fidd";
  EXPECT_THROW(run_track_show(command, overview), std::invalid_argument);
}

TEST_F(History, APictureShowsTheRowsOfTheLastRecordAndTheirBands) {
  const std::vector<HistorySeries> all = series({30.0, 30.1, 29.9, 36.0});
  const std::vector<FigureSpec> figures = history_figures(all);
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_EQ(figures[0].id, "history_fid");
  const json& drawing = figures[0].drawing;
  EXPECT_EQ(drawing["kind"], "history");
  ASSERT_EQ(drawing["panels"].size(), 1U);
  EXPECT_EQ(drawing["panels"][0]["means"], json({30.0, 30.1, 29.9, 36.0}));
  EXPECT_EQ(drawing["panels"][0]["outside"], json({false, false, false, true}));
  EXPECT_TRUE(drawing["panels"][0]["low"][2].is_null());
  EXPECT_LT(drawing["panels"][0]["high"][3], 36.0);
}

TEST_F(History, TrackAddReadsTheFolderOfARun) {
  std::ofstream(folder_ / "results.json") << fid_results({{"oar", {30.0, 31.0}}});
  TrackCommand command;
  command.history = file_;
  command.results = folder_;
  std::ostringstream out;
  EXPECT_EQ(run_track_add(command, out), kAllDone);
  EXPECT_EQ(out.str(), file_.string() + ": 1 numbers of commit 0123abcd\n");
  EXPECT_THROW(run_track_add(command, out), std::invalid_argument);
}

}  // namespace
}  // namespace oar
