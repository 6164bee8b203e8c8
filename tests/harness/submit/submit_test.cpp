#include "harness/submit/submit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/harness/submit/submit_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// A cluster of one program: sbatch, which notes its words and names job 41, then 42.
class Submit : public ScriptTest {
 protected:
  Submit() {
    write("table.json", R"({"version": 1, "defaults": {"dataset": {"name": "planted_path"}},
                                    "seeds": [0, 1, 2]})");
    options_.sweep = folder_ / "table.json";
    options_.store = folder_ / "store";
    options_.out = folder_ / "out";
    options_.resources.tasks = 0;
    sbatch(
        "n=$(cat calls 2>/dev/null | wc -l); printf '%s|' \"$@\" >>calls; echo >>calls\n"
        "echo \"$((41 + n));cluster\"");
  }
  ~Submit() override { ::setenv("PATH", path_.c_str(), 1); }

  void sbatch(const std::string& body) {
    program("bin/sbatch", "cd '" + folder_.string() + "' || exit 1\n" + body);
    ::setenv("PATH", (folder_.string() + "/bin:" + path_).c_str(), 1);
  }

  /// What run_submit() prints; its code in `code_`.
  std::string submit() {
    ::testing::internal::CaptureStdout();
    code_ = run_submit(options_);
    return ::testing::internal::GetCapturedStdout();
  }

  std::string path_ = std::getenv("PATH");
  SubmitOptions options_;
  int code_ = -1;
};

TEST_F(Submit, SubmitsTheCellsThenTheReportAndSaysHowToWatchAndToCancel) {
  const std::string said = submit();
  EXPECT_EQ(code_, 0);
  EXPECT_THAT(said, HasSubstr("job 41: 3 tasks for 3 cells; job 42 reports after them"));
  EXPECT_THAT(said, HasSubstr("squeue --jobs=41,42"));
  EXPECT_THAT(said, HasSubstr("scancel 41 42"));
  const std::string out = options_.out.string();
  EXPECT_EQ(text("calls"),
            "--parsable|--job-name=oar-table|--output=" + out + "/slurm/cells-%A_%a.log|" + out +
                "/slurm/cells.sh|\n--parsable|--job-name=oar-table|--output=" + out +
                "/slurm/report-%j.log|--dependency=afterany:41|" + out + "/slurm/report.sh|\n");
}

TEST_F(Submit, GivesTheJobsACopyOfTheSweepThatLaterEditsDoNotReach) {
  submit();
  fs::path copy;
  for (const auto& entry : fs::recursive_directory_iterator(options_.out / "slurm")) {
    if (entry.path().extension() == ".json") copy = entry.path();
  }
  EXPECT_EQ(copy.filename(), "table.json");  // the sweep's name, as it has none of its own
  EXPECT_THAT(text("out/slurm/cells.sh"), HasSubstr(copy.string()));
  const std::string before = text(copy);
  write("table.json", R"({"version": 1, "seeds": [7]})");
  EXPECT_THAT(before, HasSubstr("planted_path"));
  submit();
  EXPECT_EQ(text(copy), before);
}

TEST_F(Submit, MakesNoMoreTasksThanCellsNorThanAClusterLikes) {
  options_.resources.tasks = 50;
  EXPECT_THAT(submit(), HasSubstr("3 tasks for 3 cells"));
  options_.resources.tasks = 2;
  EXPECT_THAT(submit(), HasSubstr("2 tasks for 3 cells"));
  options_.resources.tasks = 0;
  std::string seeds = "0";
  for (int i = 1; i < 100; ++i) seeds += "," + std::to_string(i);
  write("table.json", R"({"version": 1, "defaults": {"dataset": {"name": "planted_path"}},
                                  "seeds": [)" +
                          seeds + "]}");
  EXPECT_THAT(submit(), HasSubstr("64 tasks for 100 cells"));
}

TEST_F(Submit, RefusesAWrongSweepBeforeAnythingIsWritten) {
  options_.set = {"generate.order=rastr"};
  EXPECT_THAT(refusal_of([&] { submit(); }), HasSubstr("raster"));
  ::testing::internal::GetCapturedStdout();
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST_F(Submit, RefusesAFolderThatNoScriptCanCarryBeforeAnythingIsWritten) {
  options_.store = folder_ / "two\nlines";
  EXPECT_THAT(refusal_of([&] { submit(); }), HasSubstr("control character"));
  ::testing::internal::GetCapturedStdout();
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST_F(Submit, SaysWhatToDoWhereThereIsNoSlurm) {
  fs::remove(folder_ / "bin/sbatch");
  ::setenv("PATH", (folder_ / "bin").c_str(), 1);
  EXPECT_THAT(refusal_of([&] { submit(); }), HasSubstr("--dry-run"));
  ::testing::internal::GetCapturedStdout();
}

TEST_F(Submit, PrintsTheCommandsOfADryRunAsAShellTakesThem) {
  options_.out = folder_ / "it's out";
  options_.dry_run = true;
  const std::string commands = submit();
  EXPECT_EQ(text("calls"), "");
  write("commands.sh", commands);
  EXPECT_EQ(std::system(("sh '" + (folder_ / "commands.sh").string() + "' >/dev/null").c_str()), 0);
  EXPECT_THAT(text("calls"), HasSubstr("|" + options_.out.string() + "/slurm/cells.sh|\n"));
  EXPECT_THAT(text("calls"), HasSubstr("|--dependency=afterany:41|"));
}

TEST_F(Submit, PassesOnThatSbatchRefuses) {
  sbatch("echo 'sbatch: error: invalid partition' >&2; exit 1");
  ::testing::internal::CaptureStderr();
  submit();
  EXPECT_EQ(code_, 74);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("invalid partition"));
  EXPECT_THAT(said, HasSubstr("nothing was submitted"));
}

}  // namespace
}  // namespace oar
