#include "harness/board/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace oar {
namespace {

using nlohmann::json;

LiveProcess process(const std::string& name, const ProgressState& state, bool alive = true) {
  return {"status/" + name + ".json", alive, {{"host", "node7"}, {"progress", to_json(state)}}};
}

ProgressState at_stage(const std::string& title, int64_t done = 0) {
  ProgressState state;
  state.title = title;
  state.unit = "images";
  state.done = done;
  state.total = 1000;
  return state;
}

class BoardTest : public testing::Test {
 protected:
  Board on_terminal(int width = 80) {
    return Board(
        ProgressOptions{&out_, true, [width] { return width; }, [this] { return now_; }, {}});
  }
  Board in_a_file() {
    return Board(ProgressOptions{&out_, false, {}, [this] { return now_; }, {}});
  }
  std::string printed() {
    const std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  double now_ = 1000;
};

TEST_F(BoardTest, OnATerminalEachRunningStageHasALineThatIsRewritten) {
  Board board = on_terminal();
  board.refresh(
      {process("a", at_stage("[1/9] any_order")), process("b", at_stage("[2/9] orders"))});
  EXPECT_EQ(printed(), "[1/9] any_order  0/1,000 images  0s\n[2/9] orders  0/1,000 images  0s");
  now_ += 1;
  board.refresh({process("a", at_stage("[1/9] any_order", 7)), process("b", ProgressState())});
  EXPECT_EQ(printed(), "\r\x1b[1A\x1b[J[1/9] any_order  7/1,000 images  0s");
  now_ += 1;
  board.refresh({});
  EXPECT_EQ(printed(), "\r\x1b[J");
}

TEST_F(BoardTest, ATerminalIsRewrittenAtMostFiveTimesASecond) {
  Board board = on_terminal();
  int frames = 0;
  for (int i = 0; i < 64; ++i) {
    board.refresh({process("a", at_stage("s", i))});
    frames += printed().empty() ? 0 : 1;
    now_ += 0.015625;
  }
  EXPECT_EQ(frames, 5);  // at 0, 13, 26, 39 and 52 sixty-fourths
}

TEST_F(BoardTest, TheEndOfAStageIsPrintedOnceAndAtOnce) {
  Board board = on_terminal();
  board.refresh({process("a", at_stage("[1/9] any_order"))});
  printed();
  ProgressState ended = at_stage("[3/9] orders");
  ended.said = {"[1/9] any_order  done in 2s"};
  ended.said_count = 1;
  board.refresh({process("a", ended)});  // within the same fifth of a second
  EXPECT_EQ(printed(), "\r\x1b[J[1/9] any_order  done in 2s\n[3/9] orders  0/1,000 images  0s");
  board.refresh({process("a", ended)});
  EXPECT_EQ(printed(), "");
}

TEST_F(BoardTest, TheLastWordsOfADeadProcessArePrintedButNoLiveLine) {
  Board board = on_terminal();
  ProgressState state = at_stage("[1/9] any_order");
  state.said = {"[0/9] tokens  cached"};
  state.said_count = 1;
  board.refresh({process("a", state, /*alive=*/false)});
  EXPECT_EQ(printed(), "[0/9] tokens  cached\n");
}

TEST_F(BoardTest, OfTooManyLinesTheLatestArePrinted) {
  Board board = in_a_file();
  ProgressState state;
  state.said = {"a"};
  state.said_count = 1;
  board.refresh({process("a", state)});
  state.said = {"x", "y"};
  state.said_count = 40;
  board.refresh({process("a", state)});
  state.said = {"x", "y", "z"};
  state.said_count = 41;
  board.refresh({process("a", state)});
  state.said = {"new process"};
  state.said_count = 1;
  board.refresh({process("a", state)});
  EXPECT_EQ(printed(), "a\nx\ny\nz\nnew process\n");
}

TEST_F(BoardTest, ElsewhereEachStageHasAPlainLineEveryHalfMinute) {
  Board board = in_a_file();
  for (int second = 0; second <= 61; ++second) {
    board.refresh({process("a", at_stage("[1/9] a", second)),
                   process("b", at_stage(second < 20 ? "[2/9] b" : "[3/9] c", second))});
    now_ += 1;
  }
  EXPECT_EQ(printed(),
            "[1/9] a  30/1,000 images  0s\n"
            "[3/9] c  50/1,000 images  0s\n"
            "[1/9] a  60/1,000 images  0s\n");
}

TEST_F(BoardTest, ALineFitsTheTerminalAndNoCharacterIsCutInTwo) {
  Board board = on_terminal(4);
  board.refresh({process("a", at_stage("\u03bb\u03bb\u03bb\u03bb"))});
  EXPECT_EQ(printed(), "\u03bb\u03bb\u03bb");
}

TEST_F(BoardTest, AHundredProcessesDoNotFillTheTerminal) {
  Board board = on_terminal();
  std::vector<LiveProcess> processes;
  for (int i = 0; i < 100; ++i) processes.push_back(process(std::to_string(i), at_stage("s")));
  board.refresh(processes);
  const std::string text = printed();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 16);
  EXPECT_THAT(text, testing::EndsWith("\nand 84 more"));
}

TEST_F(BoardTest, ClosingLeavesTheLastLines) {
  Board board = on_terminal();
  board.refresh({process("a", at_stage("[1/9] a"))});
  printed();
  board.close();
  EXPECT_EQ(printed(), "\n");
  board.close();
  EXPECT_EQ(printed(), "");
}

TEST_F(BoardTest, QuietIsSilent) {
  Board board(ProgressOptions{});
  board.refresh({process("a", at_stage("s"))});
  board.close();
  EXPECT_EQ(printed(), "");
}

TEST_F(BoardTest, OutputThatFailsNeverEndsTheRun) {
  Board board = on_terminal();
  out_.setstate(std::ios::badbit);
  try {
    out_.exceptions(std::ios::badbit);
  } catch (const std::ios_base::failure&) {
  }
  EXPECT_NO_THROW(board.refresh({process("a", at_stage("s"))}));
}

TEST(LineOfProcess, SaysForWhomItWaits) {
  EXPECT_EQ(line_of_process({{"waiting_for", "process 4711 on node7"}}),
            "waits for process 4711 on node7");
  EXPECT_EQ(line_of_process({{"progress", to_json(at_stage("[1/9] a"))},
                             {"waiting_for", "process 4711 on node7"}}),
            "[1/9] a  0/1,000 images  0s  waits for process 4711 on node7");
}

TEST(LineOfProcess, IsEmptyWhereNothingIsShown) {
  EXPECT_EQ(line_of_process(nullptr), "");
  EXPECT_EQ(line_of_process({1, 2}), "");
  EXPECT_EQ(line_of_process({{"progress", to_json(ProgressState())}, {"waiting_for", nullptr}}),
            "");
}

}  // namespace
}  // namespace oar
