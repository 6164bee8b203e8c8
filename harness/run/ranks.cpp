#include "harness/run/ranks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "harness/exit_code.h"
#include "models/distributed/launcher.h"

namespace oar {
namespace {

constexpr int kNotFound = 127;  // as shells say it

std::atomic<pid_t> child_process{0};
std::atomic<int> stops{0};

// Both are async-signal-safe: lock-free counters and kill.
void tell_mpirun(int) { ::kill(child_process.load(), stops.fetch_add(1) == 0 ? SIGUSR1 : SIGTERM); }
void hand_on(int signal) { ::kill(child_process.load(), signal); }

/// Forks with signals held back until the parent knows its child: what comes before that is for the
/// child. Returns as fork does; in the parent `handler` takes these signals from then on.
pid_t fork_and_hand_on(void (*handler)(int), std::initializer_list<int> signals) {
  sigset_t held, before;
  sigemptyset(&held);
  for (const int signal : signals) sigaddset(&held, signal);
  ::sigprocmask(SIG_BLOCK, &held, &before);
  const pid_t child = ::fork();
  if (child > 0) {
    child_process = child;
    struct sigaction action = {};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    for (const int signal : signals) ::sigaction(signal, &action, nullptr);
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return child;
}

/// Its exit code; 128 + signal if one ended it.
int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// A group of its own, so that signals to ours are for us to hand on; and no life without us.
void follow_parent(pid_t parent, int signal) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, signal);
  if (::getppid() != parent) ::_exit(kInterrupted);
}

std::vector<std::string> command_of(int ranks, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"mpirun",          "-n",        std::to_string(ranks),
                                      "--oversubscribe", "--bind-to", "none"};
  if (::geteuid() == 0) command.push_back("--allow-run-as-root");
  command.push_back(std::filesystem::read_symlink("/proc/self/exe"));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

[[noreturn]] void become(const std::vector<std::string>& command, int ranks) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, 0);
  const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / ranks);
  ::setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), /*overwrite=*/0);
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  ::_exit(kNotFound);
}

}  // namespace

int job_exit_code(int mpirun_code, bool user_stopped) {
  if (mpirun_code == 0) return kAllDone;
  if (user_stopped) return kInterrupted;
  for (const int signal : {SIGHUP, SIGINT, SIGKILL, SIGTERM}) {
    if (mpirun_code == 128 + signal) return kInterrupted;
  }
  return mpirun_code;
}

void guard_rank() {
  if (!launched_with([](const char* name) { return std::getenv(name); })) return;
  const pid_t parent = ::getpid();
  const pid_t child = fork_and_hand_on(hand_on, {SIGINT, SIGTERM, SIGUSR1, SIGHUP});
  if (child < 0) throw std::system_error(errno, std::generic_category(), "starting a rank");
  if (child == 0) {
    follow_parent(parent, SIGKILL);
    return;
  }
  const int code = wait_for(child);
  if (code > 128) {
    fmt::print(stderr, "oar-bench: signal {} has ended a process of this training\n", code - 128);
  }
  ::_exit(job_exit_code(code, false));
}

std::vector<std::string> own_arguments_without(const std::string& option) {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> kept;
  std::string word;
  std::getline(in, word, '\0');  // the program itself
  while (std::getline(in, word, '\0')) {
    if (word == option) {
      std::getline(in, word, '\0');
    } else if (!word.starts_with(option + "=")) {
      kept.push_back(word);
    }
  }
  return kept;
}

int run_under_mpi(int ranks, const std::vector<std::string>& arguments) {
  if (ranks < 2) {
    throw std::invalid_argument(
        fmt::format("--ranks must be at least 2, got {}; leave it out to train alone", ranks));
  }
  const std::vector<std::string> command = command_of(ranks, arguments);
  const pid_t parent = ::getpid();
  const pid_t child = fork_and_hand_on(tell_mpirun, {SIGINT, SIGTERM});
  if (child < 0) throw std::system_error(errno, std::generic_category(), "starting mpirun");
  if (child == 0) {
    follow_parent(parent, SIGTERM);
    become(command, ranks);
  }
  const int code = wait_for(child);
  if (code == kNotFound) {
    throw std::invalid_argument(
        "--ranks needs mpirun, which is not installed (Debian: openmpi-bin libopenmpi-dev; then "
        "build again)");
  }
  const int ended = job_exit_code(code, stops.load() > 0);
  if (ended == kInterrupted) {
    fmt::print(stderr, "oar-bench: the same command again continues from the last checkpoint\n");
  }
  return ended;
}

}  // namespace oar
