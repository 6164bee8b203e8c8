#include "harness/run/worker_processes.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace oar {
namespace {

/// Environment of a worker: that of this process, with its share of the threads.
std::vector<std::string> environment_with(int threads) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    if (!variable.starts_with("OMP_NUM_THREADS=")) variables.push_back(variable);
  }
  variables.push_back(fmt::format("OMP_NUM_THREADS={}", threads));
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

WorkerProcesses::WorkerProcesses(const std::vector<std::vector<std::string>>& commands,
                                 int threads_each) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> variables = environment_with(threads_each);
  const std::vector<char*> environment = pointers_to(variables);
  const pid_t parent = getpid();
  for (std::vector<std::string> words : commands) {
    words.insert(words.begin(), program);
    const std::vector<char*> arguments = pointers_to(words);
    const pid_t child = fork();
    if (child == 0) {  // system calls alone: other threads may have held locks
      setpgid(0, 0);
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(1);  // it has died already
      execve(arguments[0], arguments.data(), environment.data());
      _exit(127);
    }
    if (child < 0) {
      const int error = errno;
      signal(SIGTERM);
      throw std::system_error(error, std::generic_category(), "cannot start a worker process");
    }
    setpgid(child, child);  // also here: a signal may come before the child has done it
    processes_.push_back(child);
    codes_.push_back(-1);
  }
}

WorkerProcesses::~WorkerProcesses() {
  signal(SIGKILL);
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (codes_[i] < 0) waitpid(processes_[i], nullptr, 0);
  }
}

bool WorkerProcesses::running() {
  bool any = false;
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (codes_[i] >= 0) continue;
    int status = 0;
    if (waitpid(processes_[i], &status, WNOHANG) == processes_[i]) {
      codes_[i] = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else {
      any = true;
    }
  }
  return any;
}

void WorkerProcesses::signal(int number) {
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (codes_[i] < 0) kill(processes_[i], number);
  }
}

}  // namespace oar
