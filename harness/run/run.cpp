#include "harness/run/run.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "datasets/dataset.h"
#include "harness/measure/byte_size.h"
#include "harness/measure/device.h"
#include "harness/measure/extractors.h"
#include "harness/run/plots.h"
#include "harness/run/results.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/pipeline.h"
#include "harness/store/interrupt.h"
#include "models/weights/atomic_file.h"
#include "reports/report.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A stage that could not be made, so that cells which share it need not try again.
struct Failure {
  CellStatus status;
  std::string message;
};

/// Reads brought files once before anything runs: a wrong one must not be found after hours.
void check_brought_files(const Sweep& sweep) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Cell& cell : sweep.cells) {
    const auto features = get<std::string>(cell.recipe, "evaluate.features");
    const auto weights = get<std::string>(cell.recipe, "evaluate.weights");
    if (!weights.empty() && seen.emplace(features, weights).second) {
      const auto extractor = load_extractor(features, weights, torch::kCPU);
      const json& metrics = value_of(cell.recipe, "evaluate.metrics");
      if (extractor->num_classes() == 0 &&
          std::find(metrics.begin(), metrics.end(), "isc") != metrics.end()) {
        throw std::invalid_argument(fmt::format(
            "evaluate.metrics: isc needs class scores, and the feature network {} has none; leave "
            "isc out",
            features));
      }
    }
  }
}

void print_plan(const Store& store, const Sweep& sweep,
                const std::vector<std::vector<PlannedStage>>& plans) {
  std::set<std::string> seen;
  size_t cached = 0;
  for (size_t i = 0; i < plans.size(); ++i) {
    fmt::print("{}\n", sweep.cells[i].id);
    for (const PlannedStage& stage : plans[i]) {
      const bool complete = store.complete(stage.node);
      const bool first = seen.insert(stage.node.key).second;
      if (first && complete) ++cached;
      fmt::print("  {:<20} {}  {}\n", stage.role, stage.node.key.substr(0, 12),
                 complete ? "cached"
                 : first  ? "to do"
                          : "shared with a cell above");
    }
  }
  fmt::print("{} cells, {} different stages: {} cached, {} to do\n", plans.size(), seen.size(),
             cached, seen.size() - cached);
}

/// What a picture is drawn from: a record without its date and without what came from the store.
json drawn_part(json results) {
  results.erase("created");
  results.erase("context");
  for (json& cell : results["cells"]) {
    for (json& stage : cell["stages"]) stage.erase("cached");
  }
  return results;
}

/// The record that an earlier run left in the folder; null if there is none to be read.
json earlier_results(const fs::path& folder) {
  try {
    json found = read_json(folder / "results.json");
    return validate_results(found).empty() ? found : json(nullptr);
  } catch (const std::exception&) {
    return nullptr;
  }
}

class SweepRun {
 public:
  SweepRun(const RunOptions& options, const Sweep& sweep,
           std::vector<std::vector<PlannedStage>> plans, const Environment& environment)
      : sweep_(sweep),
        plans_(std::move(plans)),
        environment_(environment),
        out_(options.out.empty() ? fs::path("runs") / options.sweep.stem() : options.out),
        store_(options.store),
        progress_(ProgressOptions::standard_error(options.quiet)),
        runner_(store_, progress_),
        quiet_(options.quiet) {
    std::set<std::string> keys;
    for (const auto& plan : plans_) {
      for (const PlannedStage& stage : plan) keys.insert(stage.node.key);
    }
    total_ = keys.size();
  }

  int run() {
    fs::create_directories(out_);
    const json earlier = earlier_results(out_);
    std::vector<CellOutcome> outcomes;
    bool stopped = false;
    for (size_t i = 0; i < plans_.size() && !stopped; ++i) {
      outcomes.push_back(run_cell(plans_[i], sweep_.cells[i].recipe));
      const CellOutcome& last = outcomes.back();
      write_json(out_ / "results.json", make_results(sweep_, outcomes, environment_));
      if (last.status == CellStatus::kInterrupted) throw Interrupted();
      stopped = sweep_.fail_fast && last.status != CellStatus::kDone;
    }
    const json results = make_results(sweep_, outcomes, environment_);
    write_file_atomically(out_ / "report.md", std::string_view(render_markdown(results)));
    const bool drawn = fs::exists(out_ / "metrics.png") && earlier.is_object() &&
                       drawn_part(earlier) == drawn_part(results);
    const std::string pictures = drawn ? "" : draw_plots(out_);
    if (!quiet_ && !pictures.empty()) fmt::print(stderr, "{}\n", pictures);
    fmt::print("\n{}\nreport: {}\nrecord: {}\n", render_table(results),
               (out_ / "report.md").string(), (out_ / "results.json").string());
    size_t done = 0;
    for (const CellOutcome& outcome : outcomes) done += outcome.status == CellStatus::kDone;
    if (done == plans_.size()) return kAllDone;
    return done == 0 && only_bad_data_ ? kBadData : kSomeFailed;
  }

 private:
  CellOutcome run_cell(const std::vector<PlannedStage>& plan, const Recipe& recipe) {
    CellOutcome outcome;
    for (const PlannedStage& stage : plan) {
      const std::string& key = stage.node.key;
      if (const auto failed = failures_.find(key); failed != failures_.end()) {
        outcome.status = failed->second.status;
        outcome.error = failed->second.message;
        return outcome;
      }
      const bool first = done_.insert(key).second;
      if (first) progress_.stage(fmt::format("[{}/{}] {}", done_.size(), total_, stage.role));
      try {
        const auto earlier = results_.find(key);
        StageResult result =
            earlier != results_.end() ? earlier->second : runner_.run(stage.node, stage.function);
        results_.emplace(key, result);
        if (stage.role == "dataset") check_against_data(recipe, result.record);
        outcome.stages.push_back({stage.role, stage.node, std::move(result)});
      } catch (const Interrupted&) {
        progress_.abandon();
        outcome.status = CellStatus::kInterrupted;
        outcome.error = "interrupted; run the same command again to continue";
        return outcome;
      } catch (const std::system_error&) {
        throw;  // the disk is full or broken: the next cell would meet the same
      } catch (const BadData& error) {
        return fail(key, stage, {CellStatus::kFailed, error.what()}, std::move(outcome));
      } catch (const Diverged& error) {
        only_bad_data_ = false;
        return fail(key, stage, {CellStatus::kDiverged, error.what()}, std::move(outcome));
      } catch (const std::exception& error) {
        only_bad_data_ = false;
        return fail(key, stage, {CellStatus::kFailed, error.what()}, std::move(outcome));
      }
    }
    outcome.status = CellStatus::kDone;
    return outcome;
  }

  CellOutcome fail(const std::string& key, const PlannedStage& stage, Failure failure,
                   CellOutcome outcome) {
    progress_.abandon();
    failure.message = fmt::format("{}: {}", stage.node.label(), failure.message);
    fmt::print(stderr, "{}\n", failure.message);
    outcome.status = failure.status;
    outcome.error = failure.message;
    failures_.emplace(key, std::move(failure));
    return outcome;
  }

  const Sweep& sweep_;
  std::vector<std::vector<PlannedStage>> plans_;
  Environment environment_;
  fs::path out_;
  Store store_;
  Progress progress_;
  StageRunner runner_;
  bool quiet_;
  size_t total_ = 0;
  std::set<std::string> done_;
  std::map<std::string, StageResult> results_;
  std::map<std::string, Failure> failures_;
  bool only_bad_data_ = true;  ///< every failure so far was one of the data set
};

}  // namespace

int run_sweep(const RunOptions& options) {
  const Sweep sweep = read_sweep(options.sweep, options.set, known_names());
  const Environment environment{device_from_name(options.device), bytes_from_text(options.memory)};
  std::vector<std::vector<PlannedStage>> plans;
  for (const Cell& cell : sweep.cells) {
    try {
      plans.push_back(plan_cell(cell.recipe, cell.seed, environment));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(
          fmt::format("{}: cell {}: {}", options.sweep.string(), cell.id, error.what()));
    }
  }
  if (options.dry_run) {
    print_plan(Store(options.store), sweep, plans);
    return kAllDone;
  }
  check_brought_files(sweep);
  return SweepRun(options, sweep, std::move(plans), environment).run();
}

int run_report(const fs::path& folder, bool quiet) {
  const json results = read_json(folder / "results.json");
  const std::vector<std::string> problems = validate_results(results);
  for (const std::string& problem : problems) {
    fmt::print(stderr, "{}: {}\n", (folder / "results.json").string(), problem);
  }
  if (!problems.empty()) return kBadData;
  write_file_atomically(folder / "report.md", std::string_view(render_markdown(results)));
  const std::string pictures = draw_plots(folder);
  if (!quiet && !pictures.empty()) fmt::print(stderr, "{}\n", pictures);
  fmt::print("{}\nreport: {}\n", render_table(results), (folder / "report.md").string());
  return kAllDone;
}

int report_error() {
  const auto print = [](const std::exception& error) {
    fmt::print(stderr, "oar-bench: {}\n", error.what());
  };
  try {
    throw;
  } catch (const Interrupted& error) {
    print(error);
    return kInterrupted;
  } catch (const std::system_error& error) {
    print(error);
    return kInputOutput;
  } catch (const BadData& error) {
    print(error);
    return kBadData;
  } catch (const BadWeights& error) {
    print(error);
    return kBadData;
  } catch (const BadExtractorWeights& error) {
    print(error);
    return kBadData;
  } catch (const std::invalid_argument& error) {
    print(error);
    return kUsage;
  } catch (const c10::Error& error) {
    fmt::print(stderr, "oar-bench: {}\n", error.what_without_backtrace());
    return kSomeFailed;
  } catch (const std::exception& error) {
    print(error);
    return kSomeFailed;
  }
}

}  // namespace oar
