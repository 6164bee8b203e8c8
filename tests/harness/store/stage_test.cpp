#include "harness/store/stage.h"

#include <gmock/gmock.h>

#include <csignal>
#include <stdexcept>

#include "harness/store/file_lock.h"
#include "harness/store/interrupt.h"
#include "store_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

using Files = std::map<std::string, std::string>;

const StageNode kNode = make_node("any_order", 1, {{"seed", 7}});
class StageRun : public StoreTest {};

const Files kMade = {{"model.bin", "made of\n0\n1\n2\n"}};

TEST_F(StageRun, AStageRunsOnceAndIsCachedAfterwards) {
  const StageFunction function = [](StageContext& context) { return three_steps(context); };
  const StageResult first = run(kNode, function);
  const StageResult second = run(kNode, function);
  EXPECT_FALSE(first.cached);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(second.folder, first.folder);
  EXPECT_EQ(second.record(), (nlohmann::json{{"loss", 0.5}}));
  EXPECT_EQ(seconds_of(second.manifest), seconds_of(first.manifest));  // of the run that made it
  EXPECT_EQ(files_of(first.folder), kMade);
  EXPECT_THAT(printed(), HasSubstr("[1/1] any_order  cached\n"));
}

TEST_F(StageRun, AStageSeesItsConfigurationAndTheArtifactsItReads) {
  const auto made = run(kNode, [](StageContext& context) { return three_steps(context); });
  const StageNode next = make_node("samples", 1, {{"n", 4}}, {{"model", kNode}});
  run(next, [&](StageContext& context) {
    EXPECT_EQ(context.config(), (nlohmann::json{{"n", 4}}));
    EXPECT_EQ(context.input("model"), made.folder);
    EXPECT_EQ(context.input_record("model"), made.record());
    EXPECT_THROW(context.input("modle"), std::logic_error);
    EXPECT_TRUE(context.has_input("model"));
    EXPECT_FALSE(context.has_input("modle"));
    return nlohmann::json();
  });
}

TEST_F(StageRun, AStageWhoseInputIsMissingIsRefusedByName) {
  const StageNode next = make_node("samples", 1, {}, {{"model", kNode}});
  try {
    run(next, [](StageContext&) { return nlohmann::json(); });
    FAIL() << "it ran without its input";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("its input \"model\", " + kNode.label()));
    EXPECT_THAT(error.what(), HasSubstr("is not in the store"));
  }
}

TEST_F(StageRun, AnErrorPassesThroughAndTheNextRunContinuesInTheSameFolder) {
  const auto failing = [](StageContext& context) {
    return three_steps(context, [](int step) {
      if (step == 1) throw std::domain_error("diverged");
    });
  };
  EXPECT_THROW(run(kNode, failing), std::domain_error);
  EXPECT_EQ(read(store().scratch(kNode) / "steps"), "0\n1\n");
  std::vector<int> steps;
  const auto result = run(kNode, [&](StageContext& context) {
    return three_steps(context, [&](int step) { steps.push_back(step); });
  });
  EXPECT_EQ(steps, std::vector<int>{2});
  EXPECT_EQ(files_of(result.folder), kMade);
}

TEST_F(StageRun, SecondsAddUpOverTheAttempts) {
  const Store opened = store();
  opened.open_work(kNode);
  write(opened.scratch(kNode) / "attempts.json", R"({"schema_version": 1, "seconds": 1000})");
  const auto result = run(kNode, [](StageContext& context) { return three_steps(context); });
  EXPECT_GE(seconds_of(result.manifest), 1000);
  EXPECT_LT(seconds_of(result.manifest), 1060);
}

// Where the process is killed: after each step, after the last file, after the manifest, and in
// the middle of an atomic write.
enum class Kill { kAfterStep0, kAfterStep2, kAfterTheFunction, kBeforeTheRename, kHalfway };

class KilledStage : public StoreTest, public testing::WithParamInterface<Kill> {
 protected:
  static void die() { raise(SIGKILL); }

  nlohmann::json run_and_die(StageContext& context) {
    const Kill where = GetParam();
    auto record = three_steps(context, [&](int step) {
      if (where == Kill::kAfterStep0 && step == 0) die();
      if (where == Kill::kAfterStep2 && step == 2) die();
    });
    if (where == Kill::kHalfway) write(context.work() / "model.bin.tmp.4711", "half");
    if (where == Kill::kBeforeTheRename) store().seal(kNode, {record, {}, {}});
    die();
    return record;
  }
};

TEST_P(KilledStage, IsFinishedByTheNextRunWithTheSameBytes) {
  const int status = in_child([this] {
    run(kNode, [this](StageContext& context) { return run_and_die(context); });
    return 0;
  });
  EXPECT_EQ(status, -SIGKILL);
  EXPECT_FALSE(store().complete(kNode));
  const auto result = run(kNode, [](StageContext& context) { return three_steps(context); });
  EXPECT_EQ(files_of(result.folder), kMade);
  EXPECT_EQ(result.record(), (nlohmann::json{{"loss", 0.5}}));
  EXPECT_TRUE(store().complete(kNode));
  EXPECT_FALSE(fs::exists(store().work(kNode)));
}

INSTANTIATE_TEST_SUITE_P(AtEachPoint, KilledStage,
                         testing::Values(Kill::kAfterStep0, Kill::kAfterStep2,
                                         Kill::kAfterTheFunction, Kill::kBeforeTheRename,
                                         Kill::kHalfway));

TEST_F(StageRun, OfTwoProcessesOnOneKeyOneWorksAndTheOtherWaitsAndSaysForWhom) {
  const fs::path go = root_ / "go", calls = root_ / "calls", said = root_ / "said";
  const StageFunction function = [&](StageContext& context) {
    append(calls, "call\n");
    eventually([&] { return fs::exists(go); });
    return three_steps(context);
  };
  const auto process = [&](const fs::path& output) {
    return spawn([&, output] {
      std::ofstream out(output);
      Progress progress({.out = &out});
      progress.stage("[1/1] any_order");
      return StageRunner(store(), progress).run(kNode, function).cached ? 1 : 0;
    });
  };
  const pid_t worker = process(root_ / "worker");
  EXPECT_TRUE(eventually([&] { return fs::exists(calls); }));
  const pid_t waiter = process(said);
  EXPECT_TRUE(eventually([&] { return read(said).find('\n') != std::string::npos; }));
  write(go, "");
  EXPECT_EQ(wait_for(worker), 0);
  EXPECT_EQ(wait_for(waiter), 1);  // cached
  EXPECT_EQ(read(calls), "call\n");
  EXPECT_THAT(read(said), testing::StartsWith("[1/1] any_order  waits for process " +
                                              std::to_string(worker) + " on "));
  EXPECT_THAT(read(said), HasSubstr("which is at work on " + kNode.label()));
}

TEST_F(StageRun, TheLockOfAKilledProcessIsFree) {
  const fs::path file = root_ / "lock";
  const int status = in_child([&] {
    const FileLock lock(file, [](const std::string&) {});
    raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(status, -SIGKILL);
  EXPECT_THAT(read(file), HasSubstr("process "));  // the name stays, the lock does not
  bool waited = false;
  const FileLock lock(file, [&](const std::string&) { waited = true; });
  EXPECT_FALSE(waited);
}

TEST_F(StageRun, TheFirstSigtermLetsTheStepFinishAndTheNextRunContinues) {
  const int status = in_child([this] {
    install_signal_handlers();
    try {
      run(kNode, [](StageContext& context) {
        return three_steps(context, [](int step) {
          if (step == 1) raise(SIGTERM);
        });
      });
    } catch (const Interrupted&) {
      return 75;
    }
    return 0;
  });
  EXPECT_EQ(status, 75);
  EXPECT_EQ(read(store().scratch(kNode) / "steps"), "0\n1\n");
  EXPECT_EQ(files_of(run(kNode, [](StageContext& c) { return three_steps(c); }).folder), kMade);
}

TEST_F(StageRun, TheSecondSignalOfEitherKindStopsAtOnce) {
  const int status = in_child([] {
    install_signal_handlers();
    raise(SIGTERM);
    if (!interrupt_requested()) return 1;
    usleep(700000);
    raise(SIGINT);
    return 2;
  });
  EXPECT_EQ(status, 75);
}

TEST_F(StageRun, ASignalThatComesTwoWaysIsOneRequest) {
  const int status = in_child([] {
    install_signal_handlers();
    raise(SIGTERM);
    raise(SIGTERM);  // handed on by a parent that got it too
    return interrupt_requested() ? 2 : 1;
  });
  EXPECT_EQ(status, 2);
}

TEST_F(StageRun, AfterASignalNoFurtherStageStartsButFinishedOnesAreStillFound) {
  const StageFunction function = [](StageContext& context) { return three_steps(context); };
  run(kNode, function);
  const int status = in_child([&] {
    install_signal_handlers();
    raise(SIGINT);
    if (!run(kNode, function).cached) return 1;
    try {
      run(make_node("any_order", 1, {{"seed", 8}}), function);
    } catch (const Interrupted&) {
      return 75;
    }
    return 2;
  });
  EXPECT_EQ(status, 75);
}

TEST_F(StageRun, ASignalEndsTheWaitForALock) {
  const fs::path file = root_ / "lock";
  const FileLock held(file, [](const std::string&) {});
  const int status = in_child([&] {
    install_signal_handlers();
    try {
      const FileLock lock(file, [](const std::string&) { raise(SIGTERM); });
    } catch (const Interrupted&) {
      return 75;
    }
    return 0;
  });
  EXPECT_EQ(status, 75);
}

TEST_F(StageRun, AReaderThatWentAwayDoesNotEndTheRun) {
  const int status = in_child([] {
    install_signal_handlers();
    int ends[2];
    if (pipe(ends) != 0) return 1;
    close(ends[0]);
    return ::write(ends[1], "x", 1) == -1 ? 7 : 2;  // without the handlers SIGPIPE ends the child
  });
  EXPECT_EQ(status, 7);
}

TEST(CheckpointClock, IsDueAgainOnlyAfterItsPeriod) {
  CheckpointClock always(0), rarely(3600);
  EXPECT_TRUE(always.due());
  EXPECT_TRUE(always.due());
  EXPECT_FALSE(rarely.due());
}

}  // namespace
}  // namespace oar
