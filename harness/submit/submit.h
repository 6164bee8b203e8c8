#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/submit/slurm_scripts.h"

namespace oar {

/// What `oar-bench submit` was asked to do.
struct SubmitOptions {
  std::filesystem::path sweep;
  std::string executor = "slurm";
  std::vector<std::string> set;
  std::filesystem::path store = "store";
  std::filesystem::path out;          ///< empty: runs/<name of the sweep file>
  std::vector<std::string> run_with;  ///< further arguments of `run`: --device cuda
  bool allow_missing = false;         ///< as `run` has it
  SlurmResources resources;           ///< `tasks` 0: one per cell, at most kMostTasks
  bool dry_run = false;               ///< write the scripts and print the commands only
};

/// More tasks than this rarely run at a time, and each has to start.
inline constexpr int64_t kMostTasks = 64;

/// Checks the sweep whole, writes `<out>/slurm/cells.sh` and `report.sh` and a copy of the sweep
/// that later edits do not reach, submits both, and prints the jobs' numbers, how to watch them and
/// how to cancel them. Relative paths within the sweep mean what they mean here.
///
/// Errors  What reading and planning the sweep throws, before anything is written;
///         std::invalid_argument where sbatch is not in PATH, or an option cannot be put into a
///         script; std::system_error if a file cannot be written. Exit code 74 with sbatch's words
///         where it refuses.
int run_submit(const SubmitOptions& options);

}  // namespace oar
