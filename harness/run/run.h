#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/exit_code.h"

namespace oar {

/// What `oar-bench run` was asked to do.
struct RunOptions {
  std::filesystem::path sweep;
  std::vector<std::string> set;  ///< --set key=value
  std::filesystem::path store = "store";
  std::filesystem::path out;  ///< empty: runs/<name of the sweep file>
  std::string device = "auto";
  std::string memory = "2GiB";  ///< what a search of orders may allocate; changes no result
  bool quiet = false;
  bool dry_run = false;
};

/// Runs every stage of a sweep that the store lacks, then writes results.json, report.md and
/// pictures into the output folder and prints the table. results.json is written after every cell,
/// so that nothing is lost. A cell that fails does not stop the others unless the sweep says
/// fail_fast.
///
/// Errors  What reading and planning the sweep throws: nothing has run by then. Interrupted after a
///         signal, with results.json written.
int run_sweep(const RunOptions& options);

/// Renders report.md and pictures beside an existing results.json again.
int run_report(const std::filesystem::path& folder, bool quiet);

/// The code of the error that is being handled; prints its message. Call it in a catch block.
int report_error();

}  // namespace oar
