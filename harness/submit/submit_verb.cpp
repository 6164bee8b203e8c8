#include "harness/submit/submit_verb.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "harness/submit/submit.h"

namespace oar {

Verb add_submit_verb(CLI::App& app) {
  const auto options = std::make_shared<SubmitOptions>();
  SlurmResources& slurm = options->resources;
  slurm.tasks = 0;
  CLI::App* const verb = app.add_subcommand(
      "submit", "run a sweep on a cluster: a job array over one shared store, then a report");
  const auto text = [&](const char* name, std::string& value, const char* words) {
    return verb->add_option(name, value, words);
  };
  const auto number = [&](const char* name, int64_t& value, const char* words) {
    return verb->add_option(name, value, words);
  };
  verb->add_option("sweep", options->sweep, "the sweep's JSON file")->required();
  text("--executor", options->executor, "who runs the jobs")
      ->check(CLI::IsMember({"slurm"}))
      ->capture_default_str();
  verb->add_option("--set", options->set, "override an option: --set train.images_seen=1000")
      ->take_all();
  verb->add_option("--store", options->store, "folder of finished stages, which all nodes share")
      ->capture_default_str();
  verb->add_option("--out", options->out,
                   "folder of scripts, logs, results.json and report.md; runs/<name of the sweep "
                   "file> without it");
  number("--tasks", slurm.tasks, "tasks of the array; one per cell without it, at most 64");
  number("--max-running", slurm.max_running, "tasks that may run at a time");
  number("--cpus-per-task", slurm.cpus_per_task, "processors of each process")
      ->capture_default_str();
  text("--gpus", slurm.gpus, "GPUs of each process: 1, a100:1");
  text("--mem", slurm.memory, "memory of each task")->capture_default_str();
  text("--time", slurm.time, "time limit of each job: 4:00:00; what takes longer is requeued");
  text("--partition", slurm.partition, "partition of the cluster");
  text("--account", slurm.account, "account that is charged");
  verb->add_option("--sbatch-option", slurm.more,
                   "any option of sbatch: --sbatch-option=--qos=long")
      ->take_all()
      ->allow_extra_args(false);
  number("--ranks", slurm.ranks, "processes that train one model together, started by srun")
      ->capture_default_str();
  // Passed on to the runs as they are.
  for (const auto& [name, words] :
       {std::pair("--device", "device of the runs: auto, cpu, cuda or cuda:<index>"),
        std::pair("--memory", "what a search of orders may allocate beside the weights: 2GiB"),
        std::pair("--checkpoint-every", "seconds between checkpoints")}) {
    verb->add_option_function<std::string>(
        name,
        [options, name = std::string(name)](const std::string& value) {
          options->run_with.insert(options->run_with.end(), {name, value});
        },
        words);
  }
  verb->add_flag("--allow-missing", options->allow_missing,
                 "train without a condition on images that lack theirs, where they are over 5 %");
  verb->add_flag("--dry-run", options->dry_run, "write the scripts and print the commands only");
  return {verb, [options] { return run_submit(*options); }};
}

}  // namespace oar
