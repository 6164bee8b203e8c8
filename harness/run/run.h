#pragma once

#include <cstdint>
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

  int jobs = 0;                    ///< worker processes; 0: as the sweep's strategy says
  int threads = 0;                 ///< of each process; 0: the processors, divided by `jobs`
  std::string shard;               ///< "2/4": the second quarter of the cells; empty: all
  bool report_only = false;        ///< nothing is run; the record is of what is there
  double checkpoint_seconds = 20;  ///< a killed training loses no more than this
  bool allow_missing = false;      ///< train on images that lack what model.condition asks for
  bool tensorboard = false;        ///< event files of the training curves in <out>/tensorboard

  // Of a worker that another process has started.
  std::string worker;  ///< "2/4"; empty: this is no worker
  std::string run_id;  ///< of the command that the user gave
  int64_t since = 0;   ///< when that was; see RunSettings::since
};

/// Runs every stage of a sweep that the store lacks, then writes results.json, report.md and
/// pictures into the output folder and prints the table. results.json is written as cells end, so
/// that nothing is lost. A cell that fails does not stop the others unless the sweep says so.
///
/// Any number of processes may run one sweep over one store: `jobs` starts some, and users start
/// others, on this machine or on those that share the disk. A shard writes its record to
/// <out>/shards/<i>-of-<n>, and whoever runs the whole sweep afterwards finds everything made.
///
/// Errors  What reading and planning the sweep throws: nothing has run by then. Interrupted after a
///         signal, with results.json written.
int run_sweep(const RunOptions& options);

/// Prints what a run of the sweep would do, and does nothing: `show` cells in every detail.
int print_plan(const RunOptions& options, size_t show, bool as_json);

/// Renders the report of an existing results.json again, into `out`; see write_report().
int run_report(const std::filesystem::path& folder, const std::filesystem::path& out, bool quiet);

/// The code of the error that is being handled; prints its message. Call it in a catch block.
int report_error();

}  // namespace oar
