#include "reports/plots.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "reports/fields.h"

extern char** environ;

namespace oar {
namespace {

/// Raised whenever the script draws the same data in another way.
constexpr int kFiguresVersion = 1;
constexpr char kIdLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

namespace fs = std::filesystem;

std::string variable_or(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The files of one figure, the one that reports show first.
std::vector<std::string> files_of(const FigureSpec& figure) {
  if (figure.animated) return {figure.id + ".gif"};
  return {figure.id + ".png", figure.id + ".svg", figure.id + ".pdf"};
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Whole or not at all; a report can always be written again, so nothing is synced.
void write_text(const fs::path& path, const std::string& text) {
  const fs::path temporary = path.string() + ".tmp." + std::to_string(getpid());
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    const int error = errno != 0 ? errno : EIO;
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw std::system_error(error, std::generic_category(), "cannot write " + path.string());
  }
  fs::rename(temporary, path);
}

/// Removes the pictures of the last report, as its list names them, that are none of these
/// figures. Files of others may lie beside them.
void remove_former(const std::string& former_list, const std::vector<FigureSpec>& figures,
                   const fs::path& folder) {
  std::set<std::string> ours;
  for (const FigureSpec& figure : figures) ours.insert(figure.id);
  const nlohmann::json former =
      nlohmann::json::parse(former_list, nullptr, /*allow_exceptions=*/false);
  for (const nlohmann::json& figure : report::items(former, "figures")) {
    const std::string id = report::text(report::field(figure, "id"));
    const bool plain = !id.empty() && id.find_first_not_of(kIdLetters) == std::string::npos;
    if (!plain || ours.contains(id)) continue;
    std::error_code ignored;  // a picture too many spoils nothing
    for (const char* ending : {".png", ".svg", ".pdf", ".gif"}) {
      fs::remove(folder / (id + ending), ignored);
    }
  }
}

bool all_there(const std::vector<FigureSpec>& figures, const fs::path& folder) {
  for (const FigureSpec& figure : figures) {
    for (const std::string& file : files_of(figure)) {
      if (!fs::exists(folder / file)) return false;
    }
  }
  return true;
}

/// Starts a program and waits for it; false if it cannot be started.
bool run(std::vector<std::string> words, int* status) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawnp(&child, arguments.front(), nullptr, nullptr, arguments.data(), environ) != 0) {
    return false;
  }
  while (waitpid(child, status, 0) < 0 && errno == EINTR) {
  }
  return true;
}

}  // namespace

std::string plots_python() {
  const fs::path cache = variable_or("XDG_CACHE_HOME", variable_or("HOME", "") + "/.cache");
  const fs::path python = cache / "oar-bench" / "venv" / "bin" / "python";
  return variable_or("OAR_PYTHON", fs::exists(python) ? python.string() : "python3");
}

fs::path plots_script() { return variable_or("OAR_PLOTS", OAR_PLOT_SCRIPT); }

std::string draw_figures(const std::vector<FigureSpec>& figures, const fs::path& results_folder,
                         const fs::path& out_folder) {
  const fs::path folder = out_folder / "figures", list = folder / "figures.json";
  fs::create_directories(folder);
  nlohmann::json specs = nlohmann::json::array();
  for (const FigureSpec& figure : figures) specs.push_back(to_json(figure));
  const std::string text =
      nlohmann::json{{"version", kFiguresVersion}, {"figures", std::move(specs)}}.dump(
          -1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::string former = text_of(list);
  remove_former(former, figures, folder);
  if (former == text && all_there(figures, folder)) return "";
  for (const FigureSpec& figure :
       figures) {  // those of the last report are no pictures of this one
    for (const std::string& file : files_of(figure)) fs::remove(folder / file);
  }
  write_text(list, text);
  if (figures.empty()) return "";
  const std::string python = plots_python(), script = plots_script();
  const std::string no_pictures = "no pictures: ";
  if (!fs::exists(script)) {
    return fmt::format("{}there is no {}; set OAR_PLOTS to reports/plots/plot_results.py",
                       no_pictures, script);
  }
  int status = 0;
  if (!run({python, script, list.string(), "--images", results_folder.string()}, &status)) {
    return fmt::format("{}\"{}\" cannot be started; set OAR_PYTHON to a Python with matplotlib",
                       no_pictures, python);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return fmt::format("{}\"{} {}\" failed; `oar-bench report {}` draws them later", no_pictures,
                     python, script, results_folder.string());
}

}  // namespace oar
