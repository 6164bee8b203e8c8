#pragma once

namespace oar {

/// Exit codes of the program; see the README.
enum ExitCode : int {
  kAllDone = 0,
  kSomeFailed = 1,
  kUsage = 2,
  kRegression = 3,
  kUndecided = 4,
  kBadData = 65,
  kInputOutput = 74,
  kInterrupted = 75,
};

}  // namespace oar
