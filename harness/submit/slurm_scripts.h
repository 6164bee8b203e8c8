#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace oar {

/// What the cluster is asked for. Texts are in sbatch's own words, and empty where sbatch's own
/// default is wanted.
struct SlurmResources {
  int64_t tasks = 1;        ///< of the job array: each runs its share of the sweep
  int64_t max_running = 0;  ///< of them at a time; 0: as many as the cluster gives
  int64_t cpus_per_task = 4;
  int64_t ranks = 1;      ///< processes that train one model together, started by srun
  std::string gpus = {};  ///< for each process: "1", "a100:1"
  std::string memory = "8G";
  std::string time = {};  ///< "4:00:00"
  std::string partition = {}, account = {};
  std::vector<std::string> more = {};  ///< further options of sbatch, as words: --qos=long
};

/// A sweep as two jobs. All paths are absolute.
struct SlurmJob {
  std::string name = {};                       ///< of the sweep, for squeue
  std::filesystem::path program = {};          ///< this one; every node must see it
  std::filesystem::path directory = {};        ///< that relative paths within the sweep start from
  std::filesystem::path sweep = {};            ///< a copy that nobody edits while the jobs wait
  std::filesystem::path store = {}, out = {};  ///< shared by all nodes
  std::vector<std::string> set = {};           ///< --set
  std::vector<std::string> only_cells = {};    ///< further arguments of the runs, not of the report
  bool allow_missing = false;                  ///< --allow-missing, of the runs and the report
  SlurmResources resources = {};
};

/// The job array. Each task runs `run --shard i/n`. Before its time is over Slurm sends TERM to the
/// script, which hands it on; the program writes a checkpoint and ends with 75, and the task is put
/// back into the queue, to continue there. A task that somebody cancelled stays cancelled, and any
/// other code is the task's own.
///
/// Errors  std::invalid_argument for texts that no script can carry; see shell_quote.h.
std::string cells_script(const SlurmJob& job);

/// The job that reports what the array has made. It needs one processor and no GPU.
std::string report_script(const SlurmJob& job);

/// The words that submit `script`. They carry what an #SBATCH line cannot: the job's name, the path
/// of its log (`log` may hold sbatch's %A and %a) and `more`. A report waits for the end, good or
/// bad, of job `after`.
///
/// Errors  std::invalid_argument where the log's folder has a backslash, which Slurm takes as "no
///         patterns here", or `more` has a word that is no option.
std::vector<std::string> sbatch_command(const SlurmJob& job, const std::filesystem::path& script,
                                        const std::string& log, const std::string& after = "");

}  // namespace oar
