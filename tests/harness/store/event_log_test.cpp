#include "harness/store/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace oar {
namespace {

struct Collector : EventSink {
  explicit Collector(std::vector<std::string>& kinds) : kinds(kinds) {}
  void take(const RunEvent& event) override { kinds.push_back(event.kind); }
  std::vector<std::string>& kinds;
};

struct Thrower : EventSink {
  explicit Thrower(int& calls) : calls(calls) {}
  void take(const RunEvent&) override {
    ++calls;
    throw std::runtime_error("log.txt: no space left");
  }
  int& calls;
};

TEST(EventLog, HandsEveryEventToEverySink) {
  std::vector<std::string> one, two;
  EventLog log;
  log.add(std::make_unique<Collector>(one));
  log.add(std::make_unique<Collector>(two));
  log.write("run_started", {{"cells", 2}});
  log.write("run_ended", {{"code", 0}});
  EXPECT_THAT(one, testing::ElementsAre("run_started", "run_ended"));
  EXPECT_EQ(one, two);
}

TEST(EventLog, DropsASinkThatThrowsAndSaysSoOnce) {
  int calls = 0;
  std::vector<std::string> kinds;
  EventLog log;
  log.add(std::make_unique<Thrower>(calls));
  log.add(std::make_unique<Collector>(kinds));
  testing::internal::CaptureStderr();
  log.write("message", {});
  log.write("message", {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "oar-bench: the log ends here, the run goes on: log.txt: no space left\n");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(kinds.size(), 2u);
}

}  // namespace
}  // namespace oar
