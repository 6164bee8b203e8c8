#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "harness/run/run.h"
#include "harness/stages/pipeline.h"
#include "harness/store/interrupt.h"
#include "metrics/feature_extractor.h"
#include "models/any_order/next_encoding.h"
#include "orders/order_policy.h"

namespace {

void print_names(const std::vector<std::pair<std::string, std::string>>& names) {
  for (const auto& [name, summary] : names) fmt::print("  {:<20} {}\n", name, summary);
}

/// Every name that may stand in a sweep.
int list(const std::string& what) {
  const auto asked = [&what](const char* kind) {
    const bool wanted = what.empty() || what == kind;
    if (wanted) fmt::print("{}\n", kind);
    return wanted;
  };
  if (asked("datasets")) print_names(oar::list_datasets());
  if (asked("orders")) {
    for (const oar::OrderInfo& order : oar::list_orders()) {
      fmt::print("  {:<20} {}{}\n", order.name, order.summary,
                 order.is_learned ? " (learned)" : "");
    }
  }
  if (asked("encodings")) {
    for (const auto& info : oar::list_next_encodings()) {
      fmt::print("  {:<20} {}\n", info.name, info.summary);
    }
  }
  if (asked("features")) print_names(oar::list_feature_extractors());
  if (asked("options")) fmt::print("{}", oar::list_options(oar::known_names()));
  return oar::kAllDone;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"oar-bench trains and evaluates generation orders of autoregressive image models."};
  app.set_version_flag("--version", OAR_VERSION);
  app.require_subcommand(1);
  oar::RunOptions options;

  const auto sweep_options = [&options](CLI::App* verb) {
    verb->add_option("sweep", options.sweep, "the sweep's JSON file")->required();
    verb->add_option("--set", options.set, "override an option: --set train.images_seen=1000")
        ->take_all();
    verb->add_option("--store", options.store, "folder of finished stages")->capture_default_str();
    verb->add_option("--device", options.device, "auto, cpu, cuda or cuda:<index>")
        ->capture_default_str();
  };
  CLI::App* const run = app.add_subcommand("run", "run what a sweep lacks, then report");
  sweep_options(run);
  run->add_option("--out", options.out,
                  "folder of results.json and report.md; "
                  "runs/<name of the sweep file> without it");
  run->add_flag("--quiet", options.quiet, "no progress lines");
  run->add_flag("--dry-run", options.dry_run, "print the plan only");

  CLI::App* const plan = app.add_subcommand("plan", "print every stage of a sweep and its state");
  sweep_options(plan);

  std::string folder;
  CLI::App* const report = app.add_subcommand("report", "write report.md of a results.json again");
  report->add_option("folder", folder, "folder that holds results.json")->required();
  report->add_flag("--quiet", options.quiet, "no messages about pictures");

  std::string kind;
  CLI::App* const names = app.add_subcommand("list", "print every name that may stand in a sweep");
  names->add_option("kind", kind, "one kind of them")
      ->check(CLI::IsMember({"datasets", "orders", "encodings", "features", "options"}));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? oar::kAllDone : oar::kUsage;
  }
  try {
    oar::install_signal_handlers();
    if (*plan) options.dry_run = true;
    if (*run || *plan) return oar::run_sweep(options);
    if (*report) return oar::run_report(folder, options.quiet);
    return list(kind);
  } catch (...) {
    return oar::report_error();
  }
}
