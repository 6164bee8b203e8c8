#include "harness/run/run_verbs.h"

#include <CLI/CLI.hpp>
#include <memory>

namespace oar {

void add_sweep_options(CLI::App& verb, RunOptions& options) {
  verb.add_option("sweep", options.sweep, "the sweep's JSON file")->required();
  verb.add_option("--set", options.set, "override an option: --set train.images_seen=1000")
      ->take_all();
  verb.add_option("--store", options.store, "folder of finished stages")->capture_default_str();
  verb.add_option("--device", options.device, "auto, cpu, cuda or cuda:<index>")
      ->capture_default_str();
  verb.add_option("--memory", options.memory,
                  "what a search of orders may allocate beside the weights: 2GiB, 512MiB")
      ->capture_default_str();
}

Verb add_run_verb(CLI::App& app) {
  const auto options = std::make_shared<RunOptions>();
  const auto dry_run = std::make_shared<bool>(false);
  CLI::App* const run = app.add_subcommand("run", "run what a sweep lacks, then report");
  add_sweep_options(*run, *options);
  run->get_option("--device")->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  run->add_option("--out", options->out,
                  "folder of results.json and report.md; "
                  "runs/<name of the sweep file> without it");
  run->add_option("-j,--jobs", options->jobs,
                  "processes that share the work, and divide the threads; the sweep's "
                  "strategy.max_parallel without it")
      ->check(CLI::Range(1, 1024));
  run->add_option("--threads", options->threads, "of each process; without it the processors")
      ->check(CLI::Range(1, 4096));
  run->add_option("--shard", options->shard,
                  "i/n: the i-th of n parts of the cells; its record goes to <out>/shards");
  run->add_option("--checkpoint-every", options->checkpoint_seconds,
                  "seconds of training that a kill may cost")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  run->add_flag("--tensorboard", options->tensorboard,
                "write training curves as TensorBoard event files too, to <out>/tensorboard");
  run->add_flag("--report-only", options->report_only, "run nothing; record what the store holds");
  run->add_flag("--quiet", options->quiet, "no progress lines");
  run->add_flag("--dry-run", *dry_run, "print the plan only");
  const auto hidden = [run](const char* name, auto& value) {  // for the workers of -j
    run->add_option(name, value)->group("");
  };
  hidden("--worker", options->worker);
  hidden("--run-id", options->run_id);
  hidden("--since", options->since);
  return {run,
          [options, dry_run] { return *dry_run ? print_plan(*options) : run_sweep(*options); }};
}

Verb add_plan_verb(CLI::App& app) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* const plan = app.add_subcommand("plan", "print every stage of a sweep and its state");
  add_sweep_options(*plan, *options);
  return {plan, [options] { return print_plan(*options); }};
}

Verb add_report_verb(CLI::App& app) {
  struct Options {
    std::string folder;
    bool quiet = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const report = app.add_subcommand("report", "write report.md of a results.json again");
  report->add_option("folder", options->folder, "folder that holds results.json")->required();
  report->add_flag("--quiet", options->quiet, "no messages about pictures");
  return {report, [options] { return run_report(options->folder, options->quiet); }};
}

}  // namespace oar
