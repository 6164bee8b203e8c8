#include "harness/log/json_lines_sink.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>

#include "harness/store/live_file.h"
#include "harness/store/store.h"
#include "harness/store/utc_time.h"
#include "tests/harness/log/log_fixture.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::SizeIs;
using ::testing::StartsWith;

class JsonLinesSinkTest : public LogTest {
 protected:
  json taken(const RunEvent& event) {
    JsonLinesSink(folder_ / "log.jsonl").take(event);
    return json::parse(lines_of(folder_ / "log.jsonl").back());
  }
};

TEST_F(JsonLinesSinkTest, ALineSaysWhenWhoAndWhat) {
  const int64_t before = utc_nanoseconds();
  const json line = taken(curve("loss", 12800, 3.25));
  const int64_t after = utc_nanoseconds();
  EXPECT_EQ(line.at("host"), host_name());
  EXPECT_EQ(line.at("pid"), getpid());
  EXPECT_EQ(line.at("kind"), "curve");
  EXPECT_EQ(line.at("name"), "loss");
  EXPECT_EQ(line.at("step"), 12800);
  EXPECT_EQ(line.at("value"), 3.25);
  const auto time = time_from_iso(line.at("time"));
  ASSERT_TRUE(time);
  EXPECT_GE(*time, before - 1'000'000);
  EXPECT_LE(*time, after);
  EXPECT_THAT(lines_of(folder_ / "log.jsonl")[0], StartsWith("{\"time\":\"20"));
}

TEST_F(JsonLinesSinkTest, EveryLineIsJsonWhateverItHolds) {
  EXPECT_EQ(taken(curve("loss", 1, NAN)).at("value"), nullptr);
  EXPECT_EQ(taken({"message", {{"text", "two\nlines \xff"}}}).at("text"), "two\nlines \ufffd");
  EXPECT_EQ(taken({"message", {{"kind", "another"}}}).at("kind"), "message");
  EXPECT_THAT(lines_of(folder_ / "log.jsonl"), SizeIs(3));
}

}  // namespace
}  // namespace oar
