#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace oar {

/// Processes of this program that work on one sweep side by side. They are in process groups of
/// their own, so that Ctrl-C reaches this process alone, which hands it on; and they are told to
/// stop if this process dies.
class WorkerProcesses {
 public:
  /// Starts this program once for each list of arguments.
  ///
  /// Errors  std::system_error if a process cannot be started; those already started are ended.
  WorkerProcesses(const std::vector<std::vector<std::string>>& commands, int threads_each);
  ~WorkerProcesses();  ///< ends those still running
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;

  /// Whether any is still at work.
  bool running();

  /// Sends a signal to those still at work.
  void signal(int number);

  /// Exit codes, 128 + the signal where one ended the process; -1 while it runs.
  const std::vector<int>& codes() const { return codes_; }

 private:
  std::vector<pid_t> processes_;
  std::vector<int> codes_;
};

}  // namespace oar
