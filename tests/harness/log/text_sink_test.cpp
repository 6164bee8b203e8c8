#include "harness/log/text_sink.h"

#include <gmock/gmock.h>

#include "tests/harness/log/log_fixture.h"

namespace oar {
namespace {

using ::testing::MatchesRegex;
using ::testing::SizeIs;

class TextSinkTest : public LogTest {};

TEST_F(TextSinkTest, PutsEveryKindOfEventIntoWords) {
  EXPECT_EQ(
      sentence_of({"run_started",
                   {{"name", "fashion-table"},
                    {"sweep", "fashion.json"},
                    {"cells", 12},
                    {"stages", 40},
                    {"device", "cpu"},
                    {"threads", 2},
                    {"commit", "6bf5148"}}}),
      "run started: fashion-table (fashion.json), 12 cells, 40 stages, on cpu with 2 threads, "
      "commit 6bf5148");
  EXPECT_EQ(sentence_of(stage("stage_started", {{"cell", "oar/seed=0"}})),
            "specialist (any_order/0123456789ab) started, for oar/seed=0");
  EXPECT_EQ(sentence_of(stage(
                "stage_done",
                {{"seconds", 372.2}, {"cpu_seconds", 700}, {"peak_memory", int64_t{3} << 30}})),
            "specialist (any_order/0123456789ab) done in 6m12s, processors 11m40s, peak 3,072 MiB");
  EXPECT_EQ(sentence_of(stage("stage_failed",
                              {{"status", "diverged"}, {"message", "the loss is not finite"}})),
            "specialist (any_order/0123456789ab) diverged: the loss is not finite");
  EXPECT_EQ(sentence_of(stage("waiting", {{"holder", "process 4711 on node7"}})),
            "specialist (any_order/0123456789ab) waits for process 4711 on node7");
  EXPECT_EQ(sentence_of({"message", {{"text", "no pictures"}}}), "no pictures");
  EXPECT_EQ(sentence_of({"run_ended", {{"code", 75}}}), "run ended with code 75");
  EXPECT_EQ(sentence_of({"later_kind", {{"a", 1}}}), "later_kind {\"a\":1}");
}

TEST_F(TextSinkTest, LeavesOutWhatAnEventLacks) {
  EXPECT_EQ(sentence_of({"run_started", {}}), "run started");
  EXPECT_EQ(sentence_of(stage("stage_done", {{"peak_memory", nullptr}})),
            "specialist (any_order/0123456789ab) done");
}

TEST_F(TextSinkTest, NoEventSteersTheTerminalOrTakesTwoLines) {
  EXPECT_EQ(sentence_of({"message", {{"text", "\x1b[2Jtwo\nlines"}}}), "\\x1b[2Jtwo\\nlines");
}

TEST_F(TextSinkTest, WritesALineForEachEventButThePointsOfCurves) {
  TextSink sink(folder_ / "log.txt");
  sink.take(curve("loss", 64, 2.5));
  sink.take({"message", {{"text", "hello"}}});
  const auto lines = lines_of(folder_ / "log.txt");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0], MatchesRegex("20..-..-..T..:..:......Z [^ ]+:[0-9]+  hello"));
}

}  // namespace
}  // namespace oar
