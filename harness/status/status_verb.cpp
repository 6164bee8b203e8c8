#include "harness/status/status_verb.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "harness/exit_code.h"
#include "harness/status/run_status.h"
#include "harness/store/interrupt.h"
#include "harness/store/store.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr char kHomeAndClear[] = "\x1b[H\x1b[J";

struct WatchedRun {
  fs::path folder;
  RunLog log;
};

[[noreturn]] void fail(const fs::path& folder, const char* advice) {
  throw std::system_error(
      ENOENT, std::generic_category(),
      fmt::format("{}: no run of oar-bench is here; {}", folder.string(), advice));
}

std::vector<WatchedRun> runs_of(const StatusOptions& options) {
  if (!options.folder.empty()) {
    if (!is_run_folder(options.folder)) fail(options.folder, "name the folder of its results.json");
    return {{options.folder, RunLog(options.folder / "log.jsonl")}};
  }
  std::vector<WatchedRun> runs;
  std::error_code error;
  for (fs::directory_iterator entry(options.runs, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_run_folder(entry->path())) continue;
    runs.push_back({entry->path(), RunLog(entry->path() / "log.jsonl")});
  }
  if (runs.empty()) fail(options.runs, "name a run's folder: oar-bench status DIR");
  std::sort(runs.begin(), runs.end(),
            [](const WatchedRun& a, const WatchedRun& b) { return a.folder < b.folder; });
  return runs;
}

std::string rendered(const StatusOptions& options, const std::vector<RunStatus>& statuses) {
  if (options.json) {
    json list = json::array();
    for (const RunStatus& status : statuses) list.push_back(status_json(status));
    const json value = options.folder.empty() ? list : list[0];
    return value.dump(options.watch ? -1 : 2, ' ', false, json::error_handler_t::replace) + "\n";
  }
  std::string text;
  for (const RunStatus& status : statuses) {
    if (!text.empty()) text += "\n";
    text += status_text(status, utc_nanoseconds());
  }
  return text;
}

}  // namespace

int run_status(const StatusOptions& options, std::ostream& out) {
  std::vector<WatchedRun> runs = runs_of(options);
  for (bool first = true;; first = false) {
    std::vector<RunStatus> statuses;
    for (WatchedRun& run : runs) statuses.push_back(look_at_run(run.folder, run.log));
    const std::string text = rendered(options, statuses);
    if (options.watch && options.terminal && !options.json) {
      out << kHomeAndClear;
    } else if (!first && !options.json) {
      out << "\n";
    }
    out << text << std::flush;
    const bool any_runs = std::any_of(statuses.begin(), statuses.end(),
                                      [](const RunStatus& status) { return status.running(); });
    if (!options.watch || !any_runs) return kAllDone;
    if (options.wait) {
      options.wait();
    } else {
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    if (interrupt_requested() || !out) return kAllDone;  // who watches leaves with Ctrl-C
  }
}

Verb add_status_verb(CLI::App& app) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App* const verb = app.add_subcommand(
      "status", "how a run stands: its processes, running stages, cells, errors, what next");
  verb->add_option("folder", options->folder,
                   "folder of the run, as runs/quickstart; every one in runs/ without it");
  verb->add_flag("--watch", options->watch, "look again every second until the run ends");
  verb->add_flag("--json", options->json, "print JSON; with --watch a line each time");
  return {verb, [options] {
            options->terminal = isatty(STDOUT_FILENO) == 1;
            return run_status(*options, std::cout);
          }};
}

}  // namespace oar
