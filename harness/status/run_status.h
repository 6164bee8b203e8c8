#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/status/run_log.h"
#include "harness/store/live_file.h"

namespace oar {

/// How many cells of a sweep stand where.
struct CellCounts {
  int64_t total = 0;  ///< of the sweep, as far as it is known
  int64_t done = 0, failed = 0, diverged = 0;
  int64_t interrupted = 0;  ///< begun or not, and nobody is at work on them
  int64_t to_do = 0;        ///< not in the record, or open while the run goes on
};

/// What a run's folder says of it, from any process on any host that sees the folder.
struct RunStatus {
  std::filesystem::path folder;
  std::string name;                    ///< of the sweep; may be empty
  std::string sweep;                   ///< its file
  std::string command;                 ///< the command line of the latest run; may be empty
  std::optional<int64_t> started;      ///< nanoseconds since 1970
  std::optional<int64_t> ended;        ///< of a run that said so
  std::optional<int> code;             ///< its exit code; none after an error or a signal
  std::vector<LiveProcess> processes;  ///< those that show something, and those that died
  CellCounts cells;
  std::vector<RunLog::Error> errors;  ///< the latest

  bool running() const;
  bool all_done() const { return cells.total > 0 && cells.done == cells.total; }
};

/// Whether the folder is one that `oar-bench run` wrote.
bool is_run_folder(const std::filesystem::path& folder);

/// Looks at a folder; `log` is its log as read before, and is read on.
///
/// Errors  none for whatever lies in the folder: what cannot be read is not known.
RunStatus look_at_run(const std::filesystem::path& folder, RunLog& log);

/// A few lines for a terminal: how the run stands, its processes with a line for each running
/// stage, cells, the latest errors, and what to do next. `now` in nanoseconds since 1970.
std::string status_text(const RunStatus& status, int64_t now);

nlohmann::ordered_json status_json(const RunStatus& status);

}  // namespace oar
