#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace oar {

/// A Slurm cluster of this machine alone: its own controller and node daemon, started here and
/// ended here, with ports and folders that nobody else has. SLURM_CONF points Slurm's programs, and
/// this process's children, to it. Two processors, whatever the machine has.
///
/// Errors  std::runtime_error with the daemons' logs if no node is idle after half a minute.
class SlurmMachine {
 public:
  SlurmMachine();
  ~SlurmMachine();
  SlurmMachine(const SlurmMachine&) = delete;
  SlurmMachine& operator=(const SlurmMachine&) = delete;

  /// Whether Slurm's daemons and programs are on this machine.
  static bool installed();

  /// What `scontrol show job` says of every job and array task that the controller remembers, ended
  /// ones too: field -> value. They have `JobId`; tasks have `ArrayJobId` and `ArrayTaskId`.
  std::vector<std::map<std::string, std::string>> jobs() const;

  /// Waits until no job is left in the queue; false after so many seconds.
  bool wait_until_idle(int seconds) const;

 private:
  void write_configuration();
  pid_t start_daemon(const std::string& program, const std::vector<std::string>& arguments);
  void shut_down();
  void stop(pid_t daemon);

  std::filesystem::path folder_;
  pid_t controller_ = -1, node_ = -1;
};

/// What a command prints on standard output.
std::string output_of(const std::string& command);

}  // namespace oar
