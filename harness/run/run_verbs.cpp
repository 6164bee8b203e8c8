#include "harness/run/run_verbs.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>

#include "harness/preference/preference_file.h"
#include "harness/run/ranks.h"

namespace oar {
namespace {

constexpr size_t kShownCells = 40;  // of a plan; more are a table of kinds

}  // namespace

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
  const auto ranks = std::make_shared<int>(1);
  CLI::App* const run = app.add_subcommand("run", "run what a sweep lacks, then report");
  add_sweep_options(*run, *options);
  run->add_option("--out", options->out,
                  "folder of results.json and report.md; "
                  "runs/<name of the sweep file> without it");
  run->add_option("-j,--jobs", options->jobs,
                  "processes that share the work, and divide the threads; the sweep's "
                  "strategy.max_parallel without it")
      ->check(CLI::Range(1, 1024));
  run->add_option("--ranks", *ranks,
                  "processes that train each model together, on this machine: mpirun starts them")
      ->check(CLI::Range(1, 1024))
      ->excludes("--jobs");
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
  run->add_flag("--allow-missing", options->allow_missing,
                "train without a condition on images that lack theirs, where they are over 5 %");
  run->add_flag("--report-only", options->report_only, "run nothing; record what the store holds");
  run->add_flag("--quiet", options->quiet, "no progress lines");
  run->add_flag("--dry-run", *dry_run, "print the plan only");
  for (const char* name : {"--device", "--jobs"}) {  // a worker's stand behind those of its run
    run->get_option(name)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  const auto hidden = [run](const char* name, auto& value) {  // for the workers of -j
    run->add_option(name, value)->group("");
  };
  hidden("--worker", options->worker);
  hidden("--run-id", options->run_id);
  hidden("--since", options->since);
  return {run, [options, dry_run, ranks] {
            if (*dry_run) return print_plan(*options, kShownCells, false);
            if (*ranks > 1) return run_under_mpi(*ranks, own_arguments_without("--ranks"));
            if (options->worker.empty()) guard_rank();
            return run_sweep(*options);
          }};
}

Verb add_plan_verb(CLI::App& app) {
  struct Options {
    RunOptions run;
    bool all = false, json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const plan = app.add_subcommand(
      "plan", "what a run would do: every stage, its state, why it must run, and what it takes");
  add_sweep_options(*plan, options->run);
  plan->add_option("--out", options->run.out,
                   "folder of the last results.json, which says what each cell was made from; "
                   "runs/<name of the sweep file> without it");
  plan->add_flag("--all", options->all, "show every cell, however many there are");
  plan->add_flag("--json", options->json, "print one JSON object");
  return {plan, [options] {
            return print_plan(options->run, options->all ? SIZE_MAX : kShownCells, options->json);
          }};
}

Verb add_report_verb(CLI::App& app) {
  struct Options {
    std::string folder, out;
    std::vector<std::string> preference;
    bool quiet = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const report =
      app.add_subcommand("report", "render a results.json again: a page, tables and pictures");
  report->add_option("folder", options->folder, "folder that holds results.json")->required();
  report->add_option("--out", options->out, "folder to write to; that of results.json without it");
  report
      ->add_option("--preference", options->preference,
                   "two rows: write preference.html instead, which asks people which row's images "
                   "are better")
      ->expected(2);
  report->add_flag("--quiet", options->quiet, "no messages about pictures");
  return {report, [options] {
            const std::string& out = options->out.empty() ? options->folder : options->out;
            if (!options->preference.empty()) {
              return write_preference_page(options->folder, out, options->preference[0],
                                           options->preference[1]);
            }
            return run_report(options->folder, out, options->quiet);
          }};
}

}  // namespace oar
