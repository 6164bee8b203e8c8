#include "harness/store/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace oar {
namespace {

class ProgressTest : public testing::Test {
 protected:
  Progress on_terminal(int width = 80) {
    return Progress(
        ProgressOptions{&out_, true, [width] { return width; }, [this] { return now_; }});
  }
  Progress in_a_file() {
    return Progress(ProgressOptions{&out_, false, {}, [this] { return now_; }});
  }
  /// What was printed since the last call.
  std::string printed() {
    const std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  double now_ = 1000;
};

TEST_F(ProgressTest, OnATerminalOneLineIsRewritten) {
  Progress progress = on_terminal();
  progress.stage("[3/11] any_order");
  progress.begin("images", 80000);
  progress.update(0);
  EXPECT_EQ(printed(), "\r[3/11] any_order  0/80,000 images  0s\x1b[K");
  now_ += 60;
  progress.update(12900, "loss 3.21");  // 215 a second; 67,100 are left: 312.1 s
  EXPECT_EQ(printed(),
            "\r[3/11] any_order  12,900/80,000 images  215/s  1m00s, 5m13s left  loss 3.21"
            "\x1b[K");
  now_ = 1372;
  progress.end();
  EXPECT_EQ(printed(), "\r\x1b[K[3/11] any_order  12,900 images in 6m12s (34.7 images/s)\n");
}

TEST_F(ProgressTest, TheEndSaysHowManyInWhatTime) {
  Progress progress = in_a_file();
  progress.stage("[3/11] any_order");
  progress.begin("images", 80000);
  now_ += 372;
  progress.update(80000);
  printed();
  progress.end();
  EXPECT_EQ(printed(), "[3/11] any_order  80,000 images in 6m12s (215 images/s)\n");
  progress.end();
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, ATerminalIsRewrittenAtMostFiveTimesASecond) {
  Progress progress = on_terminal();
  progress.stage("s");
  progress.begin("steps", 100);
  int lines = 0;
  for (int i = 0; i < 100; ++i) {
    now_ += 0.01;
    progress.update(i + 1);
    lines += printed().empty() ? 0 : 1;
  }
  EXPECT_EQ(lines, 5);
}

TEST_F(ProgressTest, ALineFitsTheTerminalAndNoCharacterIsCutInTwo) {
  Progress progress = on_terminal(20);
  progress.stage("[1/1] t");
  progress.begin("images", 10);
  progress.update(1, "note");
  EXPECT_EQ(printed(), "\r[1/1] t  1/10 image\x1b[K");  // 19 columns: the last one stays free
  Progress narrow = on_terminal(4);
  narrow.stage("\u03bb\u03bb\u03bb\u03bb");
  narrow.begin("images", 10);
  narrow.update(1);
  EXPECT_EQ(printed(), "\r\u03bb\u03bb\u03bb\x1b[K");
}

TEST_F(ProgressTest, ElsewhereAPlainLineComesEveryHalfMinute) {
  Progress progress = in_a_file();
  progress.stage("[1/2] tokens");
  progress.begin("images", 100);
  for (int i = 1; i <= 61; ++i) {
    now_ += 1;
    progress.update(i);
  }
  EXPECT_EQ(printed(),
            "[1/2] tokens  30/100 images  1/s  30s, 1m10s left\n"
            "[1/2] tokens  60/100 images  1/s  1m00s, 40s left\n");
}

TEST_F(ProgressTest, AResumedStageCountsTheRateOfThisAttemptOnly) {
  Progress progress = in_a_file();
  progress.stage("[3/11] any_order");
  progress.begin("images", 1000, 700);
  now_ += 30;
  progress.update(760);  // 60 in 30 s; 240 are left
  EXPECT_EQ(printed(), "[3/11] any_order  760/1,000 images  2/s  30s, 2m00s left\n");
  now_ += 120;
  progress.update(1000);
  printed();
  progress.end();
  EXPECT_EQ(printed(), "[3/11] any_order  1,000 images, the last 300 in 2m30s (2 images/s)\n");
}

TEST_F(ProgressTest, AnUnknownTotalHasNoTimeLeft) {
  Progress progress = in_a_file();
  progress.stage("[1/2] dataset");
  progress.begin("files", 0);
  now_ += 40;
  progress.update(2000);
  EXPECT_EQ(printed(), "[1/2] dataset  2,000 files  50/s  40s\n");
}

TEST_F(ProgressTest, AStageMayCountSeveralThings) {
  Progress progress = in_a_file();
  progress.stage("[1/2] dataset");
  progress.begin("files", 10);
  now_ += 2;
  progress.update(10);
  progress.begin("images", 10);
  now_ += 5;
  progress.update(10);
  progress.end();
  EXPECT_EQ(printed(),
            "[1/2] dataset  10 files in 2s (5 files/s)\n"
            "[1/2] dataset  10 images in 5s (2 images/s)\n");
}

TEST_F(ProgressTest, AStageThatCountsNothingSaysOnlyHowLongItTook) {
  Progress progress = in_a_file();
  progress.stage("[9/11] scores");
  now_ += 0.44;
  progress.end();
  EXPECT_EQ(printed(), "[9/11] scores  done in 0.4s\n");
}

TEST_F(ProgressTest, ACachedStageSaysSo) {
  Progress progress = in_a_file();
  progress.stage("[3/11] any_order");
  progress.cached();
  progress.end();
  EXPECT_EQ(printed(), "[3/11] any_order  cached\n");
}

TEST_F(ProgressTest, AMessageTakesALineOfItsOwn) {
  Progress progress = on_terminal();
  progress.stage("[1/2] tokens");
  progress.begin("images", 10);
  progress.update(1);
  printed();
  progress.say("waits for process 4711 on node7");
  EXPECT_EQ(printed(), "\r\x1b[K[1/2] tokens  waits for process 4711 on node7\n");
}

TEST_F(ProgressTest, AnAbandonedStageKeepsItsLastLine) {
  Progress progress = on_terminal();
  progress.stage("[1/2] tokens");
  progress.begin("images", 10);
  now_ += 1;
  progress.update(2);
  printed();
  progress.abandon();
  EXPECT_EQ(printed(), "\r\x1b[K[1/2] tokens  2/10 images  2/s  1s, 4s left\n");
  progress.end();
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, QuietIsSilent) {
  testing::internal::CaptureStderr();
  Progress progress(ProgressOptions::standard_error(/*quiet=*/true));
  progress.stage("[1/2] tokens");
  progress.begin("images", 10);
  progress.update(1);
  progress.say("a message");
  progress.end();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(ProgressTest, OutputThatFailsNeverEndsTheRun) {
  out_.exceptions(std::ios::badbit | std::ios::failbit);
  Progress progress = on_terminal();
  progress.stage("[1/2] tokens");
  progress.begin("images", 10);
  try {
    out_.setstate(std::ios::badbit);
  } catch (const std::ios_base::failure&) {
  }
  EXPECT_NO_THROW({
    progress.update(1);
    progress.say("a message");
    progress.end();
  });
}

/// Progress that prints nothing and is watched.
class WatchedProgressTest : public testing::Test {
 protected:
  std::vector<ProgressState> told_;
  double now_ = 1000;
  Progress progress_{ProgressOptions{
      nullptr, false, {}, [this] { return now_; }, [this](const auto& s) { told_.push_back(s); }}};
};

TEST_F(WatchedProgressTest, IsToldOfEachStageCountAndEnd) {
  progress_.stage("[1/2] tokens");
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_.back().title, "[1/2] tokens");
  EXPECT_EQ(told_.back().unit, "");
  progress_.begin("images", 100, 20);
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_.back().done, 20);
  now_ += 10;
  progress_.update(60, "loss 3.21");  // 40 in 10 s; 40 are left
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_.back().unit, "images");
  EXPECT_EQ(told_.back().note, "loss 3.21");
  EXPECT_EQ(told_.back().total, 100);
  EXPECT_EQ(told_.back().rate, 4);
  EXPECT_EQ(told_.back().elapsed, 10);
  EXPECT_EQ(told_.back().left, 10);
  EXPECT_EQ(told_.back().said_count, 0);
  progress_.end();
  ASSERT_EQ(told_.size(), 4u);
  EXPECT_EQ(told_.back().title, "");
  EXPECT_EQ(told_.back().said_count, 1);
  EXPECT_THAT(told_.back().said,
              testing::ElementsAre("[1/2] tokens  60 images, the last 40 in 10s (4 images/s)"));
}

TEST_F(WatchedProgressTest, IsToldOnceASecondAtMostOfHowFarItIs) {
  progress_.stage("s");
  progress_.begin("steps", 1000);
  told_.clear();
  for (int i = 1; i <= 1000; ++i) {
    now_ += 0.015625;  // 64 a second, exact in binary
    progress_.update(i);
  }
  EXPECT_EQ(told_.size(), 15u);  // in 15.625 s
  EXPECT_EQ(told_.front().done, 64);
}

TEST_F(WatchedProgressTest, IsToldOfMessagesAndKeepsTheLatest) {
  progress_.stage("[1/2] tokens");
  progress_.say("waits for process 4711 on node7");
  EXPECT_THAT(told_.back().said,
              testing::ElementsAre("[1/2] tokens  waits for process 4711 on node7"));
  for (int i = 0; i < 30; ++i) progress_.say("message " + std::to_string(i));
  EXPECT_EQ(told_.back().said_count, 31);
  EXPECT_EQ(told_.back().said.size(), ProgressState::kSaid);
  EXPECT_EQ(told_.back().said.back(), "[1/2] tokens  message 29");
}

TEST_F(WatchedProgressTest, IsToldWhenAStageIsAbandoned) {
  progress_.stage("[1/2] tokens");
  progress_.abandon();
  EXPECT_EQ(told_.back().title, "");
  EXPECT_EQ(told_.back().said_count, 0);
}

TEST(ProgressWatch, WhatTheWatcherThrowsIsLost) {
  Progress progress(ProgressOptions{
      nullptr, false, {}, {}, [](const auto&) { throw std::runtime_error("the disk is full"); }});
  EXPECT_NO_THROW(progress.stage("s"));
}

TEST(ProgressLine, SaysWhatIsKnown) {
  ProgressState state;
  state.title = "[3/11] any_order";
  state.elapsed = 61.2;
  EXPECT_EQ(progress_line(state), "[3/11] any_order  1m01s");
  state.unit = "images";
  state.done = 12800;
  EXPECT_EQ(progress_line(state), "[3/11] any_order  12,800 images  1m01s");
  state.total = 80000;
  state.rate = 215;
  state.left = 312.1;
  state.note = "loss 3.21";
  EXPECT_EQ(progress_line(state),
            "[3/11] any_order  12,800/80,000 images  215/s  1m01s, 5m13s left  loss 3.21");
}

TEST(ProgressLine, CannotSteerTheTerminal) {
  ProgressState state;
  state.title = "evil\x1b[2J\n";
  EXPECT_EQ(progress_line(state), "evil\\x1b[2J\\n  0s");
}

TEST(ProgressState, SurvivesJson) {
  ProgressState state;
  state.title = "[3/11] any_order";
  state.unit = "images";
  state.note = "loss 3.21";
  state.total = 80000;
  state.done = 12800;
  state.rate = 215.5;
  state.elapsed = 60;
  state.left = 312.25;
  state.said = {"[2/11] tokens  cached"};
  state.said_count = 7;
  const ProgressState again = progress_state_from(nlohmann::json::parse(to_json(state).dump()));
  EXPECT_EQ(progress_line(again), progress_line(state));
  EXPECT_EQ(again.left, 312.25);
  EXPECT_EQ(again.said, state.said);
  EXPECT_EQ(again.said_count, 7);
}

TEST(ProgressState, OfAnotherVersionKeepsDefaults) {
  EXPECT_EQ(progress_state_from(nullptr).title, "");
  const ProgressState state = progress_state_from(
      {{"title", 3}, {"done", "many"}, {"total", 1e300}, {"said", {1, "two"}}, {"rate", nullptr}});
  EXPECT_EQ(state.title, "");
  EXPECT_EQ(state.done, 0);
  EXPECT_EQ(state.total, 0);
  EXPECT_EQ(state.rate, 0);
  EXPECT_EQ(state.said, std::vector<std::string>{"two"});
}

TEST(DurationText, HasTwoUnitsAtMost) {
  EXPECT_EQ(duration_text(0.44), "0.4s");
  EXPECT_EQ(duration_text(9.96), "10s");
  EXPECT_EQ(duration_text(59.4), "59s");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(161), "2m41s");
  EXPECT_EQ(duration_text(3900), "1h05m");
  EXPECT_EQ(duration_text(2 * 86400 + 3 * 3600), "2d03h");
}

TEST(CountText, SeparatesThousands) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(80000), "80,000");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(count_text(-100), "-100");
  EXPECT_EQ(count_text(-1000), "-1,000");
}

}  // namespace
}  // namespace oar
