#include "reports/plots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>
#include <system_error>

#include "reports/fields.h"

extern char** environ;

namespace oar {
namespace {

/// Raised whenever the script draws the same data in another way.
constexpr int kFiguresVersion = 2;
constexpr char kIdLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

namespace fs = std::filesystem;
using nlohmann::json;

constexpr auto kReplace = json::error_handler_t::replace;

std::string variable_or(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The files of one figure, the one that reports show first.
std::vector<std::string> files_of(const FigureSpec& figure) {
  if (figure.animated) return {figure.id + ".gif"};
  return {figure.id + ".png", figure.id + ".svg", figure.id + ".pdf"};
}

/// Those who draw into one folder wait for each other. The lock is on the folder itself, so that no
/// file is left in it; where a file system has no such locks, nobody waits. Python inherits it:
/// where this process is killed, the lock ends when Python does.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : folder_(open(folder.c_str(), O_RDONLY | O_DIRECTORY)) {
    while (folder_ >= 0 && flock(folder_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~FolderLock() {
    if (folder_ >= 0) close(folder_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int folder_;
};

/// What figures.json said of each figure of the last report; empty if it was of another version.
std::map<std::string, json> figures_in(const std::string& list) {
  std::map<std::string, json> figures;
  const json former = json::parse(list, nullptr, /*allow_exceptions=*/false);
  const bool same_version = report::field(former, "version") == json(kFiguresVersion);
  for (const json& figure : report::items(former, "figures")) {
    const std::string id = report::text(report::field(figure, "id"));
    const bool plain = !id.empty() && id.find_first_not_of(kIdLetters) == std::string::npos;
    if (plain) figures[id] = same_version ? figure : json();
  }
  return figures;
}

/// Removes the pictures of the last report that are none of these figures. Files of others may lie
/// beside them.
void remove_former(const std::map<std::string, json>& former,
                   const std::vector<FigureSpec>& figures, const fs::path& folder) {
  std::set<std::string> ours;
  for (const FigureSpec& figure : figures) ours.insert(figure.id);
  for (const auto& [id, spec] : former) {
    if (ours.contains(id)) continue;
    std::error_code ignored;  // a picture too many spoils nothing
    for (const char* ending : {".png", ".svg", ".pdf", ".gif"}) {
      fs::remove(folder / (id + ending), ignored);
    }
  }
}

bool is_drawn(const FigureSpec& figure, const fs::path& folder) {
  const std::vector<std::string> files = files_of(figure);
  return std::all_of(files.begin(), files.end(),
                     [&](const std::string& file) { return fs::exists(folder / file); });
}

/// What a program wrote on standard error, of which the first part is kept, and how it ended.
struct Ending {
  bool started = false;
  int status = 0;
  std::string said;
};

Ending run(std::vector<std::string> words) {
  constexpr size_t kMostKept = 1 << 16;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t child = 0;
  Ending ending;
  ending.started =
      posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::array<char, 4096> piece = {};
  for (ssize_t got = 1; ending.started && (got > 0 || (got < 0 && errno == EINTR));) {
    got = read(ends[0], piece.data(), piece.size());
    if (got > 0 && ending.said.size() < kMostKept) {
      ending.said.append(piece.data(), static_cast<size_t>(got));
    }
  }
  close(ends[0]);
  while (ending.started && waitpid(child, &ending.status, 0) < 0 && errno == EINTR) {
  }
  while (!ending.said.empty() && std::isspace(static_cast<unsigned char>(ending.said.back()))) {
    ending.said.pop_back();
  }
  return ending;
}

}  // namespace

std::string plots_python() {
  const fs::path cache = variable_or("XDG_CACHE_HOME", variable_or("HOME", "") + "/.cache");
  const fs::path python = cache / "oar-bench" / "venv" / "bin" / "python";
  return variable_or("OAR_PYTHON", fs::exists(python) ? python.string() : "python3");
}

fs::path plots_script() { return variable_or("OAR_PLOTS", OAR_PLOT_SCRIPT); }

std::string draw_figures(const std::vector<FigureSpec>& figures, const fs::path& results_folder,
                         const fs::path& out_folder, const WriteText& write) {
  const fs::path folder = out_folder / "figures", list = folder / "figures.json";
  fs::create_directories(folder);
  const FolderLock lock(folder);
  const std::string former_list = content_of(list).value_or("");
  const std::map<std::string, json> former = figures_in(former_list);
  remove_former(former, figures, folder);
  json specs = json::array();
  std::vector<std::string> wanted;
  for (const FigureSpec& figure : figures) {
    // As figures.json holds it: JSON has no NaN, and no broken UTF-8.
    const std::string text = to_json(figure).dump(-1, ' ', false, kReplace);
    specs.push_back(json::parse(text));
    const auto known = former.find(figure.id);
    if (known != former.end() && known->second == specs.back() && is_drawn(figure, folder)) {
      continue;
    }
    wanted.push_back(figure.id);
    for (const std::string& file : files_of(figure)) fs::remove(folder / file);
  }
  const std::string text = json{{"version", kFiguresVersion}, {"figures", std::move(specs)}}.dump();
  if (text != former_list) write(list, text);
  if (wanted.empty()) return "";
  const std::string python = plots_python(), script = plots_script();
  const std::string no_pictures = "no pictures: ";
  if (!fs::exists(script)) {
    return fmt::format("{}there is no {}; set OAR_PLOTS to reports/plots/plot_results.py",
                       no_pictures, script);
  }
  std::vector<std::string> words = {
      python, script, list.string(), "--images", results_folder.string(), "--only"};
  words.insert(words.end(), wanted.begin(), wanted.end());
  const Ending ending = run(std::move(words));
  if (!ending.started || (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 127)) {
    return fmt::format("{}\"{}\" cannot be started; set OAR_PYTHON to a Python with matplotlib",
                       no_pictures, python);
  }
  if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 0) return ending.said;
  const std::string last = ending.said.substr(ending.said.rfind('\n') + 1);  // of a traceback
  return fmt::format("{}\"{} {}\" failed; the same command draws what is missing later{}{}",
                     no_pictures, python, script, last.empty() ? "" : ": ", last);
}

}  // namespace oar
