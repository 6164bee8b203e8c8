#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace oar {

/// The program itself, run as a user runs it, in a folder of its own.
class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int counter = 0;
    folder_ = std::filesystem::temp_directory_path() /
              ("oar-program-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    for (const pid_t child : running_) {  // a failed test has left them
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  struct Outcome {
    int code = -1;  ///< exit code; 128 + signal if one ended it
    std::string text;
  };

  /// Starts the program in the folder. `limit` is the largest file it may write, in bytes.
  pid_t start(std::vector<std::string> arguments, rlim_t limit = RLIM_INFINITY) {
    arguments.insert(arguments.begin(), OAR_BENCH_PROGRAM);
    return start_command(std::move(arguments), limit);
  }

  /// Starts any program there.
  pid_t start_command(std::vector<std::string> words, rlim_t limit = RLIM_INFINITY) {
    const pid_t child = ::fork();
    if (child != 0) {
      running_.insert(child);
      return child;
    }
    ::setenv("OAR_PIXEL_CACHE", "off", 1);  // nothing of a test stays in the user's cache
    ::setenv("OAR_PYTHON", "true", 1);  // no pictures: `true` draws nothing and says so to nobody
    const int out = ::open((folder_ / "output.txt").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0644);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (limit != RLIM_INFINITY) {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit size{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &size);
    }
    for (const auto& [name, value] : environment_) ::setenv(name.c_str(), value.c_str(), 1);
    ::chdir(folder_.c_str());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }

  Outcome finish(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    running_.erase(child);
    std::ifstream in(folder_ / "output.txt");
    std::stringstream text;
    text << in.rdbuf();
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text.str()};
  }

  Outcome run(const std::vector<std::string>& arguments) { return finish(start(arguments)); }

  std::filesystem::path folder_;
  std::map<std::string, std::string> environment_;  ///< variables that the program gets beside ours

 private:
  std::set<pid_t> running_;
};

}  // namespace oar
