#include "harness/run/plots.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

extern char** environ;

namespace oar {
namespace {

namespace fs = std::filesystem;

std::string variable_or(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The Python that the set-up made for pictures, if it is there; else the system's.
std::string default_python() {
  const fs::path cache = variable_or("XDG_CACHE_HOME", variable_or("HOME", "") + "/.cache");
  const fs::path python = cache / "oar-bench" / "venv" / "bin" / "python";
  return fs::exists(python) ? python.string() : "python3";
}

}  // namespace

std::string draw_plots(const std::filesystem::path& folder) {
  std::string python = variable_or("OAR_PYTHON", default_python());
  std::string script = variable_or("OAR_PLOTS", OAR_PLOT_SCRIPT);
  std::string results = (folder / "results.json").string();
  const std::string no_pictures = "no pictures: ";
  if (!std::filesystem::exists(script)) {
    return fmt::format("{}there is no {}; set OAR_PLOTS to reports/plots/plot_results.py",
                       no_pictures, script);
  }
  char* arguments[] = {python.data(), script.data(), results.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, python.c_str(), nullptr, nullptr, arguments, environ) != 0) {
    return fmt::format("{}\"{}\" cannot be started; set OAR_PYTHON to a Python with matplotlib",
                       no_pictures, python);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return fmt::format("{}\"{} {}\" failed; `oar-bench report {}` draws them later", no_pictures,
                     python, script, folder.string());
}

}  // namespace oar
