#include "harness/doctor/check_tools.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "harness/store/progress.h"
#include "harness/weights/weight_files.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

Finding check_embedded(const KnownWeights& weights, const std::string& sha256) {
  const std::string what = "weights " + weights.extractor;
  if (sha256 == weights.sha256) {
    return {Level::kOk, what, fmt::format("embedded, SHA-256 {}...", sha256.substr(0, 12))};
  }
  return {Level::kProblem, what,
          fmt::format("embedded with SHA-256 {}, not {}", sha256, weights.sha256),
          "build again: make clean build"};
}

Finding check_brought(const KnownWeights& weights, const fs::path& folder) {
  const std::string what = "weights " + weights.extractor;
  const std::string fetch = "oar-bench weights fetch " + weights.name;
  const WeightsState state = state_of(weights, folder);
  switch (state.kind) {
    case WeightsState::Kind::kPresent:
      return {Level::kOk, what, (folder / weights.file).string()};
    case WeightsState::Kind::kPartial:
      return {Level::kWarning, what,
              fmt::format("{} of {} bytes downloaded", count_text(state.bytes),
                          count_text(weights.bytes)),
              fetch + " continues"};
    case WeightsState::Kind::kWrongSize:
      return {Level::kWarning, what,
              fmt::format("{}: {} bytes, not {}", (folder / weights.file).string(),
                          count_text(state.bytes), count_text(weights.bytes)),
              "remove it, then " + fetch};
    default:
      return {Level::kOk, what,
              fmt::format("not here; only sweeps with the features {} need it ({})",
                          weights.extractor, fetch)};
  }
}

/// The exit status of a program; -1 if it cannot be started. What it prints is dropped.
int status_of(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int stream : {0, 1, 2}) {
    posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
  }
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::vector<Finding> check_weights(const std::vector<KnownWeights>& known, const fs::path& folder,
                                   const std::string& embedded_sha256) {
  std::vector<Finding> findings;
  for (const KnownWeights& weights : known) {
    findings.push_back(weights.is_embedded ? check_embedded(weights, embedded_sha256)
                                           : check_brought(weights, folder));
  }
  return findings;
}

Finding check_plots(const std::string& python, const fs::path& script) {
  const std::string no_pictures = "; reports have no pictures";
  if (!fs::exists(script)) {
    return {Level::kWarning, "pictures",
            fmt::format("there is no {}", script.string()) + no_pictures,
            "set OAR_PLOTS to reports/plots/plot_results.py"};
  }
  if (status_of({python, "-c", "import matplotlib"}) != 0) {
    return {Level::kWarning, "pictures", python + " has no matplotlib" + no_pictures,
            "set OAR_PYTHON to a Python that has it; `make run` fetches one"};
  }
  return {Level::kOk, "pictures", "drawn by " + python};
}

}  // namespace oar
