#include "harness/upkeep/upkeep_verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/exit_code.h"
#include "harness/measure/byte_size.h"
#include "harness/stages/pipeline.h"
#include "harness/store/byte_text.h"
#include "harness/store/progress.h"
#include "harness/upkeep/export_cells.h"
#include "harness/upkeep/gc.h"
#include "harness/upkeep/publish.h"
#include "harness/upkeep/verify.h"
#include "harness/upkeep/verify_published.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(int64_t bytes) { return byte_text(static_cast<double>(bytes)); }

struct GcCommand {
  fs::path store = "store";
  std::string older_than, max_size;
  std::vector<std::string> sweeps, keep, set;
  bool dry_run = false, json = false;
};

std::set<std::string> keys_of(const std::vector<std::string>& sweeps,
                              const std::vector<std::string>& set) {
  std::set<std::string> keys;
  for (const std::string& file : sweeps) {
    for (const PlannedStage& stage :
         plan_sweep(read_sweep(file, set, known_names()).cells, {}).stages) {
      keys.insert(stage.node.key);
    }
  }
  return keys;
}

/// Without a criterion: what there is, and what gc would need to know.
int print_sizes(const GcCommand& command) {
  const std::vector<StageSize> sizes = stage_sizes(command.store);
  int64_t artifacts = 0, bytes = 0;
  json rows = json::array();
  if (!command.json) {
    fmt::print("{:<20} {:>9} {:>10}  {}\n", "stage", "artifacts", "size", "longest not used");
  }
  for (const StageSize& size : sizes) {
    artifacts += size.artifacts;
    bytes += size.bytes;
    if (!command.json) {
      fmt::print("{:<20} {:>9} {:>10}  {}\n", size.stage, size.artifacts, text_of(size.bytes),
                 duration_text(size.oldest));
    }
    rows.push_back({{"stage", size.stage},
                    {"artifacts", size.artifacts},
                    {"bytes", size.bytes},
                    {"longest_unused_seconds", size.oldest}});
  }
  if (command.json) {
    fmt::print("{}\n", json{{"schema_version", 1}, {"stages", rows}, {"bytes", bytes}}.dump(2));
  } else {
    fmt::print("{:<20} {:>9} {:>10}\n", "all", artifacts, text_of(bytes));
  }
  fmt::print(stderr,
             "gc removes nothing by itself: say --older-than 30d, --max-size 20GiB or --sweep "
             "SWEEP.json; --dry-run shows what would go\n");
  return kUsage;
}

void print_report(const GcReport& report, const GcOptions& options, bool as_json) {
  if (as_json) {
    json removed = json::array(), spared = json::array();
    for (const GcRemoval& removal : report.removed) {
      removed.push_back({{"path", removal.path.string()},
                         {"bytes", removal.bytes},
                         {"unused_seconds", removal.unused},
                         {"reason", removal.reason}});
    }
    for (const GcSpared& stays : report.spared) {
      spared.push_back({{"path", stays.path.string()}, {"reason", stays.reason}});
    }
    fmt::print("{}\n", json{{"schema_version", 1},
                            {"dry_run", options.dry_run},
                            {"removed", removed},
                            {"spared", spared},
                            {"bytes_before", report.bytes_before},
                            {"bytes_after", report.bytes_after}}
                           .dump(2));
    return;
  }
  for (const GcRemoval& removal : report.removed) {
    fmt::print("{} {}  {}  {}\n", options.dry_run ? "would remove" : "removed",
               removal.path.string(), text_of(removal.bytes), removal.reason);
  }
  for (const GcSpared& stays : report.spared) {
    fmt::print("kept {}  {}\n", stays.path.string(), stays.reason);
  }
  fmt::print("{} {} of {}; {} left\n", options.dry_run ? "would free" : "freed",
             text_of(report.bytes_before - report.bytes_after), text_of(report.bytes_before),
             text_of(report.bytes_after));
  if (options.max_size && report.bytes_after > *options.max_size) {
    fmt::print("the store stays above --max-size: the rest is in use, or unfinished work\n");
  }
}

int run_gc(const GcCommand& command) {
  GcOptions options;
  options.store = command.store;
  if (!command.older_than.empty()) options.older_than = age_from_text(command.older_than);
  if (!command.max_size.empty()) options.max_size = bytes_from_text(command.max_size);
  options.made_by = keys_of(command.sweeps, command.set);
  options.keep = keys_of(command.keep, command.set);
  options.dry_run = command.dry_run;
  if (!fs::is_directory(command.store)) {
    throw std::invalid_argument(
        fmt::format("--store: there is no folder \"{}\"", command.store.string()));
  }
  if (!options.has_criterion()) return print_sizes(command);
  print_report(collect_garbage(options), options, command.json);
  return kAllDone;
}

struct VerifyCommand {
  std::string run;
  std::string store;
  std::optional<int64_t> rescore;
  bool set_aside = false, json = false, quiet = false;
};

/// Prints what was found, as text or as members of `found`; `summary` is the last line of the text.
template <typename Report>
int print_found(const Report& report, bool as_json, json found, const std::string& summary) {
  if (as_json) {
    found["schema_version"] = 1;
    found["notes"] = report.notes;
    found["problems"] = json::array();
    for (const VerifyProblem& problem : report.problems) {
      found["problems"].push_back({{"path", problem.path.string()},
                                   {"found", problem.found},
                                   {"next", problem.next},
                                   {"set_aside", problem.set_aside}});
    }
    fmt::print("{}\n", found.dump(2));
  } else {
    for (const VerifyProblem& problem : report.problems) {
      fmt::print("{}: {}; {}\n", problem.path.string(), problem.found, problem.next);
    }
    for (const std::string& note : report.notes) fmt::print("note: {}\n", note);
    fmt::print("{}\n", summary);
  }
  return report.problems.empty() ? kAllDone : kBadData;
}

std::string verdict(const std::vector<VerifyProblem>& problems) {
  return problems.empty() ? "whole" : fmt::format("{} problems", problems.size());
}

int verify_records(const VerifyCommand& command, const std::vector<fs::path>& records) {
  if (command.set_aside) {
    throw std::invalid_argument(fmt::format(
        "--set-aside: {} holds published records, and no store to move anything in; leave it out",
        command.run));
  }
  Progress progress(ProgressOptions::standard_error(command.quiet));
  const PublishedReport report = verify_published(records, command.rescore, progress);
  return print_found(
      report, command.json,
      {{"records", report.records},
       {"files", report.files},
       {"bytes", report.bytes},
       {"ordered", report.ordered},
       {"rescored", report.rescored},
       {"scores", report.scores}},
      fmt::format("{} records, {} files, {}: {}; order statistics of {} cells and scores of {} "
                  "cells computed again",
                  report.records, report.files, text_of(report.bytes), verdict(report.problems),
                  report.ordered, report.rescored));
}

int run_verify(const VerifyCommand& command) {
  if (!command.run.empty() && !fs::is_directory(command.run)) {
    throw std::invalid_argument(fmt::format(
        "there is no folder \"{}\"; name that of a results.json, or of published records",
        command.run));
  }
  if (!command.run.empty() && command.store.empty()) {
    const std::vector<fs::path> records = published_records(command.run);
    if (!records.empty()) return verify_records(command, records);
  }
  if (command.rescore) {
    throw std::invalid_argument(
        "--rescore is for published records; of a run, every score is computed again");
  }
  VerifyOptions options;
  if (!command.run.empty()) options.run = command.run;
  options.store = command.store;
  if (command.store.empty()) {  // an exported folder carries its own
    const fs::path beside = fs::path(command.run) / "store";
    options.store = !command.run.empty() && fs::is_directory(beside) ? beside : fs::path("store");
  }
  if (!fs::is_directory(options.store)) {
    throw std::invalid_argument(
        fmt::format("--store: there is no folder \"{}\"; name the store that the sweep ran with",
                    options.store.string()));
  }
  options.set_aside = command.set_aside;
  Progress progress(ProgressOptions::standard_error(command.quiet));
  const VerifyReport report = verify(options, progress);
  return print_found(
      report, command.json,
      {{"artifacts", report.artifacts}, {"bytes", report.bytes}, {"rescored", report.rescored}},
      fmt::format("{} artifacts, {}: {}; {} scores computed again", report.artifacts,
                  text_of(report.bytes), verdict(report.problems), report.rescored));
}

struct ExportCommand {
  ExportOptions options{"", "store", {}, ""};
  bool quiet = false;
};

int run_export(const ExportCommand& command) {
  Progress progress(ProgressOptions::standard_error(command.quiet));
  const ExportReport report = export_cells(command.options, progress);
  const std::string out = command.options.out.string();
  fmt::print("{} cells: {} artifacts, {} copied; use them with --run {} --store {}/store\n",
             report.cells, report.artifacts, text_of(report.bytes), out, out);
  return kAllDone;
}

struct PublishCommand {
  PublishOptions options{"", "store", "", {}, false};
  bool quiet = false;
};

int run_publish(const PublishCommand& command) {
  Progress progress(ProgressOptions::standard_error(command.quiet));
  const PublishReport report = publish(command.options, progress);
  if (!report.note.empty()) fmt::print(stderr, "{}\n", report.note);
  const std::string out = command.options.out.string();
  fmt::print("{} cells, codes of {}: {} files, {}; `oar-bench verify {}` computes them again\n",
             report.cells, report.with_codes, report.files, text_of(report.bytes), out);
  return kAllDone;
}

}  // namespace

Verb add_gc_verb(CLI::App& app) {
  const auto command = std::make_shared<GcCommand>();
  CLI::App* const verb = app.add_subcommand(
      "gc", "free space in a store; what a running process needs is never touched");
  verb->add_option("--store", command->store, "folder of finished stages")->capture_default_str();
  verb->add_option("--older-than", command->older_than, "remove what was not used for: 30d, 12h");
  verb->add_option("--max-size", command->max_size,
                   "remove what was not used for longest, until the store is this small: 20GiB");
  verb->add_option("--sweep", command->sweeps, "remove what this sweep made")->take_all();
  verb->add_option("--keep", command->keep, "never remove what this sweep uses")->take_all();
  verb->add_option("--set", command->set,
                   "options that those sweeps ran with: --set train.images_seen=1000")
      ->take_all();
  verb->add_flag("--dry-run", command->dry_run, "say what would go, and remove nothing");
  verb->add_flag("--json", command->json, "print one JSON object");
  return {verb, [command] { return run_gc(*command); }};
}

Verb add_verify_verb(CLI::App& app) {
  const auto command = std::make_shared<VerifyCommand>();
  CLI::App* const verb = app.add_subcommand(
      "verify", "hash every artifact again, and compute every score again from its features");
  verb->add_option("run", command->run,
                   "folder of a results.json: what it lists; of published records: those; without "
                   "it all that the store holds");
  verb->add_option("--store", command->store,
                   "folder of finished stages; <run>/store where there is one, else store; a "
                   "published record is verified against itself without it");
  verb->add_option("--rescore", command->rescore,
                   "of each published record, score at most so many cells again; all without it")
      ->check(CLI::NonNegativeNumber);
  verb->add_flag("--set-aside", command->set_aside,
                 "move what is damaged to <key>.damaged, so that the next run makes it anew");
  verb->add_flag("--json", command->json, "print one JSON object");
  verb->add_flag("--quiet", command->quiet, "no progress lines");
  return {verb, [command] { return run_verify(*command); }};
}

Verb add_export_verb(CLI::App& app) {
  const auto command = std::make_shared<ExportCommand>();
  CLI::App* const verb = app.add_subcommand(
      "export", "copy finished cells and all they were made from, for use on another machine");
  ExportOptions& options = command->options;
  verb->add_option("--run", options.run, "folder of the results.json")->required();
  verb->add_option("--store", options.store, "folder of finished stages")->capture_default_str();
  verb->add_option("--cell", options.cells, "a cell's id or labels; without it all cells")
      ->take_all();
  verb->add_option("--out", options.out, "folder to make: results.json and store/")->required();
  verb->add_flag("--quiet", command->quiet, "no progress lines");
  return {verb, [command] { return run_export(*command); }};
}

Verb add_publish_verb(CLI::App& app) {
  const auto command = std::make_shared<PublishCommand>();
  CLI::App* const verb = app.add_subcommand(
      "publish",
      "lay a small record of a run that can be committed: results, tables, pictures, and what its "
      "numbers can be computed from again");
  PublishOptions& options = command->options;
  verb->add_option("run", options.run,
                   "folder of the results.json; a published record is rendered again, without a "
                   "store")
      ->required();
  verb->add_option("--out", options.out,
                   "folder to make; what an earlier call made there is replaced")
      ->required();
  verb->add_option("--store", options.store, "folder of finished stages")->capture_default_str();
  verb->add_option("--codes", options.codes,
                   "a cell's id or labels, as often as wanted: lay its codes and its decoder too, "
                   "so that `verify` can score it again")
      ->allow_extra_args(false);
  verb->add_flag("--without-samples", options.without_samples, "lay no generated images");
  verb->add_flag("--own-images", options.own_images,
                 "the images are yours to publish (image_folder, webdataset): lay originals too");
  verb->add_flag("--quiet", command->quiet, "no progress lines");
  return {verb, [command] { return run_publish(*command); }};
}

}  // namespace oar
