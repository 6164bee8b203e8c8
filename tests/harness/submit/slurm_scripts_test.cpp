// What the scripts do, with programs in the place of oar-bench and of Slurm's own that say what
// they were asked; tests/slurm runs them on a real Slurm.
#include "harness/submit/slurm_scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/harness/submit/submit_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using ReportScript = ScriptTest;
using SbatchCommand = ScriptTest;

class CellsScript : public ScriptTest {
 protected:
  CellsScript() {
    job_ = {.name = "oar-table",
            .program = folder_ / "oar bench",
            .directory = folder_ / "it's $(here)",
            .sweep = "/sweeps/a b.json",
            .store = "/shared/store",
            .out = "/shared/out",
            .set = {"train.order=\"$(id)\""},
            .only_cells = {},
            .resources = {.tasks = 12}};
    fs::create_directories(job_.directory);
    program("scontrol",
            "[ $1 = show ] && echo JobId=7 JobState=${STATE:-RUNNING} Reason=None\n"
            "[ $1 = show ] || echo \"$@\" >>scontrol.txt");
  }

  /// The exit code of task 3 of job 7, which gets TERM once the program has made `ready`.
  int run(bool terminate, const std::string& environment = "") {
    write("cells.sh", cells_script(job_));
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string command = "cd '" + folder_.string() +
                                  "' && PATH=$PWD:$PATH SLURM_ARRAY_JOB_ID=7 " +
                                  "SLURM_ARRAY_TASK_ID=3 SLURM_CPUS_PER_TASK=5 SLURM_JOB_ID=9 " +
                                  environment + " exec bash cells.sh >output.txt 2>&1";
      ::execl("/bin/bash", "bash", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    if (terminate) {
      while (!fs::exists(job_.directory / "ready")) ::usleep(1000);
      ::kill(child, SIGTERM);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string requeued() { return text(job_.directory / "scontrol.txt"); }

  SlurmJob job_;
};

TEST_F(CellsScript, RunsOneShareWithEveryWordAsItWasGiven) {
  program("oar bench", "printf '%s|' \"$@\" $OMP_NUM_THREADS $OMP_WAIT_POLICY \"$PWD\" >words.txt");
  job_.only_cells = {"--device", "cuda"};
  EXPECT_EQ(run(false), 0) << text(folder_ / "output.txt");
  EXPECT_EQ(text(job_.directory / "words.txt"),
            "run|/sweeps/a b.json|--set|train.order=\"$(id)\"|--store|/shared/store|--out|"
            "/shared/out|--quiet|--device|cuda|--shard|3/12|5|PASSIVE|" +
                job_.directory.string() + "|");
}

TEST_F(CellsScript, IsWrittenWithWhatTheClusterIsAskedFor) {
  job_.resources = {.tasks = 12,
                    .max_running = 4,
                    .cpus_per_task = 6,
                    .gpus = "a100:1",
                    .memory = "16G",
                    .time = "4:00:00",
                    .partition = "gpu",
                    .account = "vision"};
  const std::string script = cells_script(job_);
  for (const char* line :
       {"#SBATCH --array=1-12%4\n", "#SBATCH --mem=16G\n", "#SBATCH --time=4:00:00\n",
        "#SBATCH --partition=gpu\n", "#SBATCH --account=vision\n", "#SBATCH --cpus-per-task=6\n",
        "#SBATCH --gres=gpu:a100:1\n", "#SBATCH --requeue\n", "#SBATCH --open-mode=append\n",
        "#SBATCH --signal=B:TERM@120\n"}) {
    EXPECT_THAT(script, HasSubstr(line));
  }
  job_.resources.memory = "8G --uid=0";
  EXPECT_THROW(cells_script(job_), std::invalid_argument);
}

TEST_F(CellsScript, EndsAsTheProgramDoes) {
  for (const int code : {0, 1, 2, 65, 74}) {
    program("oar bench", "exit " + std::to_string(code));
    EXPECT_EQ(run(false), code);
  }
  EXPECT_EQ(requeued(), "");
}

TEST_F(CellsScript, HandsTheSignalOnWaitsForTheCheckpointAndRequeues) {
  program("oar bench",
          "trap 'sleep 0.2; touch saved; exit 75' TERM\n"
          "touch ready; while :; do sleep 0.01; done");
  EXPECT_EQ(run(true), 0) << text(folder_ / "output.txt");
  EXPECT_TRUE(fs::exists(job_.directory / "saved"));
  EXPECT_EQ(requeued(), "requeue 7_3\n");
}

TEST_F(CellsScript, RequeuesAProgramThatTheSignalMetBeforeItsHandlersStood) {
  program("oar bench", "touch ready; while :; do sleep 0.01; done");
  EXPECT_EQ(run(true), 0);
  EXPECT_EQ(requeued(), "requeue 7_3\n");
}

TEST_F(CellsScript, DoesNotRequeueATaskThatEndedWellInSpiteOfTheSignal) {
  program("oar bench", "trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done");
  EXPECT_EQ(run(true), 0);
  EXPECT_EQ(requeued(), "");
}

TEST_F(CellsScript, LeavesACancelledTaskCancelled) {  // `scontrol requeue` would revive it
  program("oar bench", "trap 'exit 75' TERM; touch ready; while :; do sleep 0.01; done");
  EXPECT_EQ(run(true, "STATE=COMPLETING"), 75);
  EXPECT_EQ(requeued(), "");
}

TEST_F(CellsScript, GivesUpATaskThatLosesItsProcessesAgainAndAgain) {
  program("oar bench", "exit 75");
  EXPECT_EQ(run(false, "SLURM_RESTART_COUNT=19"), 0);
  EXPECT_EQ(requeued(), "requeue 7_3\n");
  EXPECT_EQ(run(false, "SLURM_RESTART_COUNT=20"), 75);
  EXPECT_EQ(requeued(), "requeue 7_3\n");
}

TEST_F(CellsScript, StartsRanksWithSrunAndSignalsThemNotIt) {
  job_.resources.ranks = 4;
  job_.resources.gpus = "1";
  program("srun",
          "printf '%s|' \"$@\" >words.txt; trap : TERM\n"
          "touch ready; while [ ! -e told ]; do sleep 0.01; done; exit 75");
  program("scancel", "echo \"$@\" >told");
  EXPECT_EQ(run(true), 0) << text(folder_ / "output.txt");
  EXPECT_THAT(text(job_.directory / "words.txt"),
              ::testing::StartsWith("--ntasks=4|--cpus-per-task=4|--kill-on-bad-exit=1|"));
  EXPECT_EQ(text(job_.directory / "told"), "--signal=TERM 9\n");
  EXPECT_EQ(requeued(), "requeue 7_3\n");
  EXPECT_THAT(cells_script(job_), HasSubstr("#SBATCH --gpus-per-task=1\n"));
}

TEST_F(ReportScript, AsksNoMoreOfTheDataThanTheCells) {
  SlurmJob job{.name = "t", .program = "/p", .sweep = "/s.json", .store = "/store", .out = "/out"};
  EXPECT_THAT(report_script(job), Not(HasSubstr("--allow-missing")));
  job.allow_missing = true;
  EXPECT_THAT(report_script(job), HasSubstr("--quiet --allow-missing --report-only\n"));
  EXPECT_THAT(cells_script(job), HasSubstr("--quiet --allow-missing --shard"));
}

TEST_F(ReportScript, ReportsWithoutWhatOnlyTheCellsNeed) {
  SlurmJob job{.name = "t",
               .program = "/bin/oar-bench",
               .directory = "/home",
               .sweep = "/s.json",
               .store = "/store",
               .out = "/out",
               .set = {"a=1"},
               .only_cells = {"--device", "cuda"},
               .resources = {.tasks = 3, .gpus = "1", .memory = "2G"}};
  const std::string script = report_script(job);
  EXPECT_THAT(script, HasSubstr("exec /bin/oar-bench run /s.json --set a=1 --store /store --out "
                                "/out --quiet --report-only\n"));
  EXPECT_THAT(script, HasSubstr("#SBATCH --mem=2G\n"));
  EXPECT_THAT(script, Not(HasSubstr("gres")));
  EXPECT_THAT(script, Not(HasSubstr("--array")));
}

TEST_F(SbatchCommand, CarriesWhatADirectiveCannot) {
  SlurmJob job{.name = "oar-t", .resources = {.more = {"--qos=x y"}}};
  EXPECT_THAT(
      sbatch_command(job, "/a 100% b/cells.sh", "cells-%A_%a.log", "17"),
      ElementsAre("sbatch", "--parsable", "--job-name=oar-t", "--output=/a 100%% b/cells-%A_%a.log",
                  "--dependency=afterany:17", "--qos=x y", "/a 100% b/cells.sh"));
}

TEST_F(SbatchCommand, RefusesWhatSbatchWouldMisread) {
  SlurmJob job{.name = "oar-t"};
  EXPECT_THAT(refusal_of([&] { sbatch_command(job, "/a\\b/c.sh", "l"); }), HasSubstr("backslash"));
  job.resources.more = {"qos=x"};
  EXPECT_THAT(refusal_of([&] { sbatch_command(job, "/a/c.sh", "l"); }),
              HasSubstr("\"qos=x\" is no option"));
}

}  // namespace
}  // namespace oar
