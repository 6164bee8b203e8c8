#include "harness/log/line_file.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "tests/harness/log/log_fixture.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LineFileTest : public LogTest {
 protected:
  std::filesystem::path file() const { return folder_ / "log.txt"; }
};

TEST_F(LineFileTest, LinesOfSeveralProcessesNeverMix) {
  constexpr int kProcesses = 4, kLines = 500;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    LineFile lines(file());
    for (int i = 0; i < kLines; ++i)
      lines.append(std::string(900, static_cast<char>('a' + process)));
    _exit(0);
  }
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  const auto lines = lines_of(file());
  EXPECT_EQ(lines.size(), kProcesses * kLines);
  for (const std::string& line : lines) {
    EXPECT_EQ(line, std::string(900, line.empty() ? '-' : line[0]));
  }
}

TEST_F(LineFileTest, GoesOnAfterALineThatWasCutShort) {
  std::ofstream(file()) << "whole\nhal";
  LineFile(file()).append("next");
  EXPECT_THAT(lines_of(file()), ElementsAre("whole", "hal", "next"));
}

TEST_F(LineFileTest, AFullDiskIsAnErrorThatNamesTheFile) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    LineFile lines(file());
    const rlimit limit{10, 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      lines.append("more than ten bytes");
    } catch (const std::system_error& error) {
      _exit(std::string(error.what()).find("log.txt") == std::string::npos ? 2 : 0);
    }
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(LineFileTest, SaysWhichFileCannotBeOpened) {
  try {
    const LineFile lines(folder_ / "absent" / "log.txt");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("absent/log.txt"));
  }
}

}  // namespace
}  // namespace oar
