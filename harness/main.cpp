#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "harness/edit/edit_verb.h"
#include "harness/measure/metrics_verb.h"
#include "harness/orders_verb/orders_verb.h"
#include "harness/run/run.h"
#include "harness/stages/pipeline.h"
#include "harness/store/interrupt.h"
#include "harness/weights/weights_verb.h"
#include "metrics/convention.h"
#include "metrics/feature_extractor.h"
#include "metrics/metric.h"
#include "models/any_order/next_encoding.h"
#include "orders/order_policy.h"

namespace {

void print_names(const std::vector<std::pair<std::string, std::string>>& names) {
  for (const auto& [name, summary] : names) fmt::print("  {:<20} {}\n", name, summary);
}

/// `text` broken between words where a line would pass column 100; lines after the first indented.
std::string wrapped(const std::string& text, int indent) {
  const auto width = [](const std::string& utf8) {  // characters: bytes that begin one
    return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; });
  };
  std::istringstream words(text);
  std::string result, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + width(line + " " + word) > 100) {
      result += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += line.empty() ? word : " " + word;
  }
  return result + line;
}

void print_orders() {
  for (const oar::OrderInfo& order : oar::list_orders()) {
    fmt::print("  {:<16} {:<8} {}\n{:28}{}\n", order.name, order.is_learned ? "learned" : "fixed",
               wrapped(order.summary, 28), "", wrapped("checked: " + order.checked_against, 28));
  }
}

/// Every name that may stand in a sweep.
int list(const std::string& what) {
  const auto asked = [&what](const char* kind) {
    const bool wanted = what.empty() || what == kind;
    if (wanted) fmt::print("{}\n", kind);
    return wanted;
  };
  if (asked("datasets")) {
    print_names(oar::list_datasets());
    print_names(oar::list_token_datasets());
  }
  if (asked("orders")) print_orders();
  if (asked("encodings")) {
    for (const auto& info : oar::list_next_encodings()) {
      fmt::print("  {:<20} {}\n", info.name, info.summary);
    }
  }
  if (asked("features")) print_names(oar::list_feature_extractors());
  if (asked("conventions")) print_names(oar::list_conventions());
  if (asked("metrics")) {
    for (const oar::MetricInfo& metric : oar::list_metrics()) {
      fmt::print("  {:<20} {}\n", metric.name, metric.sentence);
    }
  }
  if (asked("options")) fmt::print("{}", oar::list_options(oar::known_names()));
  return oar::kAllDone;
}

CLI::App* add_metrics_verb(CLI::App& app, oar::MetricsOptions& options) {
  CLI::App* const verb = app.add_subcommand(
      "metrics",
      "FID, IS, KID, precision, recall, ... of two sets of images, in one pass over each");
  constexpr char kInput[] =
      "folder, list of files, tar, zip, .npz or .npy of images, or .npz of statistics";
  verb->add_option("real", options.real, kInput)->required();
  verb->add_option("generated", options.generated, kInput);
  verb->add_option("--features", options.features, "feature network; see `list features`")
      ->capture_default_str();
  verb->add_option("--weights", options.weights,
                   "file with its weights; without it the embedded or imported ones");
  verb->add_option("--convention", options.extractor.convention,
                   "whose FID it is; see `list conventions`")
      ->capture_default_str();
  verb->add_option("--precision", options.extractor.precision,
                   "float32, or bfloat16 where the processor has it: faster, other numbers")
      ->capture_default_str();
  verb->add_option("--metrics", options.scores.metrics,
                   "only these, with commas between them; see `list metrics`")
      ->delimiter(',')
      ->allow_extra_args(false);
  const auto number = [&](const char* name, int64_t& value, const char* words) {
    verb->add_option(name, value, words)->capture_default_str();
  };
  number("--kid-subsets", options.scores.kid_subsets, "random subsets of KID");
  number("--kid-subset-size", options.scores.kid_subset_size, "images in each of them");
  number("--pr-k", options.scores.pr_k, "neighbours of precision and recall");
  number("--dc-k", options.scores.dc_k, "neighbours of density and coverage");
  number("--isc-splits", options.scores.isc_splits,
         "parts of the Inception Score; the convention adm has its own");
  number("--fid-subsets", options.scores.fid_subsets,
         "disjoint subsets behind FID's interval; 0: no interval");
  verb->add_option("--device", options.device, "auto, cpu, cuda or cuda:<index>")
      ->capture_default_str();
  verb->add_flag("--recursive", options.recursive, "read sub-folders too");
  verb->add_flag("--skip-broken", options.skip_broken, "leave broken images out, and name them");
  verb->add_option("--save-features", options.save_features,
                   "write the features and logits of both sides to this .npz");
  verb->add_option("--save-statistics", options.save_statistics,
                   "write mu and sigma of the real side to this .npz, as pytorch-fid and ADM do");
  verb->add_option("--cache", options.cache,
                   "folder of features by content; ~/.cache/oar-bench/features without it");
  verb->add_flag("--no-cache", options.no_cache, "keep no features after this call");
  verb->add_flag("--json", options.json, "print one JSON object instead of a table");
  verb->add_flag("--quiet", options.quiet, "no progress lines");
  return verb;
}

/// The options that the user wrote, by name.
std::vector<std::string> given_options(const CLI::App& verb) {
  std::vector<std::string> given;
  for (const CLI::Option* option : verb.get_options()) {
    if (option->count() > 0) given.push_back(option->get_name());
  }
  return given;
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
    verb->add_option("--memory", options.memory,
                     "what a search of orders may allocate beside the weights: 2GiB, 512MiB")
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

  oar::MetricsOptions metrics_options;
  CLI::App* const metrics = add_metrics_verb(app, metrics_options);

  oar::OrdersOptions orders_options;
  CLI::App* const orders = oar::add_orders_verb(app, orders_options);

  oar::EditCommand edit;
  oar::add_edit_verbs(app, edit);

  oar::WeightsOptions weights_options;
  CLI::App* const weights = oar::add_weights_verb(app, weights_options);

  std::string kind;
  CLI::App* const names = app.add_subcommand("list", "print every name that may stand in a sweep");
  names->add_option("kind", kind, "one kind of them")
      ->check(CLI::IsMember(
          {"datasets", "orders", "encodings", "features", "conventions", "metrics", "options"}));

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
    if (*metrics) {
      metrics_options.set_explicitly = given_options(*metrics);
      return oar::run_metrics(metrics_options);
    }
    if (*orders) return oar::run_orders_verb(orders_options);
    if (edit.action != nullptr) return oar::run_edit(edit);
    if (*weights) return oar::run_weights(weights_options);
    return list(kind);
  } catch (...) {
    return oar::report_error();
  }
}
