#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>

#include "harness/verb.h"

namespace oar {

/// What `oar-bench status` was asked.
struct StatusOptions {
  std::filesystem::path folder;  ///< of a run; empty: every run in `runs`
  std::filesystem::path runs = "runs";
  bool json = false;
  bool watch = false;               ///< look again every second until no process is left
  bool terminal = false;            ///< `watch` may clear the screen
  std::function<void()> wait = {};  ///< a second without it
};

/// Adds `oar-bench status [DIR]`: how a run stands, seen from another terminal.
Verb add_status_verb(CLI::App& app);

/// Prints how the runs stand. With `json` and a folder one object, without a folder a list; with
/// `watch` one line for each look.
///
/// Errors  std::system_error if there is no such folder, or no run in it.
int run_status(const StatusOptions& options, std::ostream& out);

}  // namespace oar
