#include "harness/log/open_log.h"

#include <gmock/gmock.h>

#include "tests/harness/log/log_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class OpenLogTest : public LogTest {};

TEST_F(OpenLogTest, WritesEveryEventToEveryFile) {
  const fs::path out = folder_ / "runs" / "quick";
  for (int run = 0; run < 2; ++run) {  // a second run appends
    const auto log = open_log(out, /*tensorboard=*/true);
    log->write("curve", curve("loss", 64, 2.5).fields);
    log->write("run_ended", {{"code", 0}});
  }
  EXPECT_THAT(lines_of(out / "log.jsonl"), SizeIs(4));
  EXPECT_THAT(lines_of(out / "log.txt"), SizeIs(2));
  EXPECT_TRUE(fs::exists(out / "tensorboard" / "specialist-0123456789ab"));
}

TEST_F(OpenLogTest, TensorboardIsAnOption) {
  open_log(folder_, false)->write("curve", curve("loss", 64, 2.5).fields);
  EXPECT_FALSE(fs::exists(folder_ / "tensorboard"));
}

TEST_F(OpenLogTest, AFileThatCannotBeOpenedIsNamedAndTheOthersAreWritten) {
  fs::create_directories(folder_ / "log.txt");
  testing::internal::CaptureStderr();
  const auto log = open_log(folder_, false);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("log.txt"));
  log->write("run_ended", {{"code", 0}});
  EXPECT_THAT(lines_of(folder_ / "log.jsonl"), SizeIs(1));
}

}  // namespace
}  // namespace oar
