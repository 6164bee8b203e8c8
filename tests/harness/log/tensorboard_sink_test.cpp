#include "harness/log/tensorboard_sink.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "harness/store/live_file.h"
#include "tests/harness/log/log_fixture.h"
#include "tests/python_with.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::EndsWith;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kRun[] = "specialist-0123456789ab";

class TensorboardSinkTest : public LogTest {
 protected:
  fs::path top() const { return folder_ / "tensorboard"; }

  std::vector<std::string> files_of(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  /// One attempt at the stage: a process that begins, writes these steps and is killed.
  void attempt(const std::vector<int64_t>& steps, double offset) {
    TensorboardSink sink(top());
    sink.take(stage("stage_started"));
    for (const int64_t step : steps) {
      sink.take(curve("loss", step, static_cast<double>(step) + offset));
    }
  }
};

TEST_F(TensorboardSinkTest, AStageHasAFolderAndAnAttemptAFile) {
  attempt({64}, 0);
  attempt({128}, 0);  // within the same second: its name still comes later
  EXPECT_THAT(files_of(top()), testing::ElementsAre(kRun));
  const auto files = files_of(top() / kRun);
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_THAT(files[0], MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..*\\.[0-9]+"));
  EXPECT_THAT(files[0], EndsWith("." + std::to_string(getpid())));
  EXPECT_LT(read(top() / kRun / files[0]).find("loss"), std::string::npos);
}

TEST_F(TensorboardSinkTest, AStageWithoutCurvesLeavesNothing) {
  TensorboardSink sink(top());
  sink.take(stage("stage_started"));
  sink.take(stage("stage_done"));
  sink.take({"curve", {{"name", "loss"}}});  // no step: nothing to draw
  EXPECT_FALSE(fs::exists(top()));
}

TEST_F(TensorboardSinkTest, NoNameOfAnEventBecomesAPath) {
  TensorboardSink sink(top());
  sink.take(
      {"curve",
       {{"role", "../../x"}, {"key", "/etc/passwd"}, {"name", "l"}, {"step", 1}, {"value", 1}}});
  EXPECT_THAT(files_of(top()), testing::ElementsAre("______x-_etc_passwd"));
}

/// What the real package reads.
class RealTensorboard : public TensorboardSinkTest {
 protected:
  void SetUp() override {
    python_ = python_with("tensorboard");
    if (python_.empty()) {
      GTEST_SKIP() << "OAR_TEST_PYTHON names no Python with the package tensorboard";
    }
  }

  json what_it_reads() {
    const std::string command = "'" + python_ +
                                "' " OAR_SOURCE_DIR "/tests/harness/log/read_tensorboard.py '" +
                                top().string() + "' 2>'" + (folder_ / "errors").string() + "'";
    FILE* const pipe = popen(command.c_str(), "r");
    std::string text;
    for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) text += static_cast<char>(c);
    EXPECT_EQ(pclose(pipe), 0) << read(folder_ / "errors");
    return json::parse(text, nullptr, false);
  }

  std::string python_;
};

TEST_F(RealTensorboard, ReadsEveryTagStepAndValue) {
  TensorboardSink sink(top());
  sink.take(stage("stage_started"));
  sink.take(curve("loss", 0, 3.25));
  sink.take(curve("loss", 64, 1.5));
  sink.take(curve("learning_rate", 64, 0.0009765625));
  sink.take(curve("loss", int64_t{1} << 40, -2));
  sink.take(stage("stage_done"));
  sink.take({"curve",
             {{"role", "tokenizer"},
              {"key", "fedcba98765432"},
              {"name", "rfid"},
              {"step", 7},
              {"value", 1}}});
  EXPECT_EQ(what_it_reads(), (json{{kRun,
                                    {{"loss", {{0, 3.25}, {64, 1.5}, {int64_t{1} << 40, -2.0}}},
                                     {"learning_rate", {{64, 0.0009765625}}}}},
                                   {"tokenizer-fedcba987654", {{"rfid", {{7, 1.0}}}}}}));
}

TEST_F(RealTensorboard, ForgetsWhatAKilledAttemptWroteAfterItsCheckpoint) {
  attempt({64, 128, 192, 256}, 0);  // killed; the checkpoint stands at 128
  attempt({192, 256, 320}, 0.5);
  attempt({320}, 0.75);
  EXPECT_EQ(what_it_reads().at(kRun).at("loss"),
            (json{{64, 64.0}, {128, 128.0}, {192, 192.5}, {256, 256.5}, {320, 320.75}}));
}

TEST_F(RealTensorboard, ReadsAFileWhoseLastRecordWasCutShort) {
  attempt({64, 128}, 0);
  const fs::path file = top() / kRun / files_of(top() / kRun)[0];
  fs::resize_file(file, fs::file_size(file) - 3);  // killed within a write
  attempt({128}, 0.5);
  EXPECT_EQ(what_it_reads().at(kRun).at("loss"), (json{{64, 64.0}, {128, 128.5}}));
}

}  // namespace
}  // namespace oar
