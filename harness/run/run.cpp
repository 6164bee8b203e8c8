#include "harness/run/run.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <set>
#include <system_error>
#include <thread>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "harness/board/board.h"
#include "harness/log/open_log.h"
#include "harness/measure/byte_size.h"
#include "harness/measure/device.h"
#include "harness/measure/extractors.h"
#include "harness/plan/print_plan.h"
#include "harness/run/exhibits.h"
#include "harness/run/ranks.h"
#include "harness/run/results.h"
#include "harness/run/shard.h"
#include "harness/run/sweep_work.h"
#include "harness/run/worker_processes.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/image_input.h"
#include "harness/stages/pipeline.h"
#include "harness/store/interrupt.h"
#include "harness/store/live_file.h"
#include "harness/store/live_keys.h"
#include "harness/store/machine.h"
#include "harness/store/utc_time.h"
#include "harness/sweep/json_file.h"
#include "harness/sweep/shell_quote.h"
#include "models/distributed/communicator.h"
#include "models/distributed/launcher.h"
#include "models/weights/atomic_file.h"
#include "reports/report.h"
#include "reports/report_files.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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

void write_text(const fs::path& path, std::string_view text) { write_file_atomically(path, text); }

/// The keys that this process needs, for as long as it runs.
std::unique_ptr<LiveFile> register_keys(const Store& store, const RunOptions& options,
                                        const SweepPlan& plan) {
  std::vector<std::string> keys;
  for (const PlannedStage& stage : plan.stages) keys.push_back(stage.node.key);
  return hold_keys(store.root(), options.sweep.string(), keys,
                   [](const std::string& line) { fmt::print(stderr, "{}\n", line); });
}

fs::path base_folder(const RunOptions& options) {
  return options.out.empty() ? fs::path("runs") / options.sweep.stem() : options.out;
}

std::string new_run_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

/// Of two ends of processes the one to report: a disk that refuses, then a crash or an error, then
/// an interruption.
int worse_of(int a, int b) {
  const auto weight = [](int code) {
    return code == kAllDone ? 0 : code == kInterrupted ? 1 : code == kInputOutput ? 3 : 2;
  };
  const int worse = weight(a) >= weight(b) ? a : b;
  return worse > 128 ? kSomeFailed : worse;
}

/// A sweep that one process works on, alone, as a worker, or over workers of its own.
class SweepRun {
 public:
  SweepRun(const RunOptions& options, const Sweep& sweep, const SweepPlan& plan,
           const Environment& environment)
      : options_(options),
        sweep_(sweep),
        plan_(plan),
        environment_(environment),
        shard_(shard_from_text("--shard", options.shard)),
        cells_(shard_.cells(sweep.cells.size())),
        base_(base_folder(options)),
        out_(shard_.whole()
                 ? base_
                 : base_ / "shards" / fmt::format("{}-of-{}", shard_.index, shard_.count)),
        store_(options.store),
        progress_(progress_options()) {
    if (options_.run_id.empty()) options_.run_id = new_run_id();
    if (options_.since == 0) options_.since = utc_nanoseconds();
    facts_.machine = machine_record(environment.device.str());
    facts_.machine["threads"] = at::get_num_threads();
    facts_.machine["run"] = options_.run_id;
    facts_.sweep = sweep_facts();
  }

  int run() {
    fs::create_directories(out_);
    const auto live = register_keys(store_, options_, plan_);
    remove_dead(base_ / "status");
    status_ = std::make_unique<LiveFile>(base_ / "status");
    shown_ = {{"sweep", options_.sweep.string()},
              {"host", host_name()},
              {"pid", getpid()},
              {"worker", options_.worker.empty() ? json(nullptr) : json(options_.worker)},
              {"started", iso_time(options_.since)},
              {"progress", nullptr}};
    status_->show(shown_);
    log_ = open_log(base_, options_.tensorboard);
    const bool leads = options_.worker.empty();
    if (leads) log_->write("run_started", start_event());
    try {
      const int code = work_and_report();
      if (leads) log_->write("run_ended", {{"code", code}});
      return code;
    } catch (const std::exception& error) {
      const bool interrupted = dynamic_cast<const Interrupted*>(&error) != nullptr;
      if (leads) {
        log_->write("run_ended", {{"code", interrupted ? json(kInterrupted) : json(nullptr)},
                                  {"message", error.what()}});
      }
      throw;
    }
  }

 private:
  /// What a person can type to go on; null where it holds what no shell line can.
  json command_line() const {
    try {
      return "oar-bench " + quote(command());
    } catch (const std::invalid_argument&) {
      return nullptr;
    }
  }

  json start_event() const {
    return {{"sweep", options_.sweep.string()},
            {"name", sweep_.name},
            {"cells", cells_.size()},
            {"stages", plan_.stages.size()},
            {"device", environment_.device.str()},
            {"threads", facts_.machine.at("threads")},
            {"commit", facts_.machine.at("commit")},
            {"run", options_.run_id},
            {"command", command_line()}};
  }

  int work_and_report() {
    const int jobs = options_.worker.empty() ? jobs_wanted() : 1;
    const bool with_workers = jobs > 1 && !options_.report_only;
    const bool workers_ended = !with_workers || run_workers(jobs);
    make_work(with_workers ? silent_ : progress_);  // the workers have said what was cached
    try {
      if (options_.report_only || !workers_ended) {
        work_->collect();
      } else {
        work_->run();
      }
    } catch (...) {
      if (options_.worker.empty()) write_results();
      throw;
    }
    if (!options_.worker.empty()) {  // the process that started it reports
      status_->leave();
      return kAllDone;
    }
    const json results = write_final_results();
    if (interrupt_requested() && !workers_ended) throw Interrupted();
    report(results);
    return exit_code(workers_ended);
  }

  ProgressOptions progress_options() {
    ProgressOptions options = ProgressOptions::standard_error(options_.quiet);
    options.watch = [this](const ProgressState& state) {
      shown_["progress"] = to_json(state);
      if (status_) status_->show(shown_);
    };
    return options;
  }

  int jobs_wanted() const {
    if (environment_.ranks) return 1;  // the others wait for this one
    const int64_t wanted = options_.jobs > 0 ? options_.jobs : sweep_.max_parallel;
    return static_cast<int>(std::min<int64_t>(wanted, static_cast<int64_t>(cells_.size())));
  }

  json sweep_facts() const {
    const JsonFile file = read_json_file(options_.sweep);
    return {{"file", options_.sweep.filename().string()},
            {"sha256", sha256_file(options_.sweep)},
            {"content", file.value},
            {"set", options_.set}};
  }

  void make_work(Progress& progress) {
    RunSettings settings;
    settings.checkpoint_seconds = options_.checkpoint_seconds;
    settings.log = log_.get();
    settings.made_by = facts_.machine;
    settings.since = options_.since;
    work_ = std::make_unique<SweepWork>(sweep_, plan_, cells_, store_, progress, settings,
                                        environment_.ranks.get());
    work_->allow_missing(options_.allow_missing);
    work_->listen([this](const SweepWork::Now& now, bool cell_ended) {
      shown_["cell"] = now.cell;
      shown_["stages_done"] = now.stages_done;
      shown_["stages_total"] = now.stages_total;
      shown_["waiting_for"] = now.waiting_for.empty() ? json(nullptr) : json(now.waiting_for);
      status_->show(shown_);
      if (cell_ended && options_.worker.empty() && results_due_.due()) write_results();
    });
  }

  json write_results() {
    const auto start = std::chrono::steady_clock::now();
    json results = make_results(sweep_, cells_, work_->outcomes(), facts_);
    write_json(out_ / "results.json", results);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    results_due_ =
        CheckpointClock(std::max(5.0, 30 * took.count()));  // of 10,000 cells it takes long
    return results;
  }

  /// With what pictures need beside it: too slow for every look on the way.
  json write_final_results() {
    const std::vector<CellOutcome> outcomes = work_->outcomes();
    json results = make_results(sweep_, cells_, outcomes, facts_);
    write_json(out_ / "results.json", results);
    try {
      json shown = results;
      add_exhibits(shown, outcomes, out_);
      write_json(out_ / "results.json", shown);
      return shown;
    } catch (const std::system_error&) {  // a full disk is to be told, with the record written
      throw;
    } catch (const std::exception& error) {  // every number is there
      fmt::print(stderr, "the report lacks pictures of samples: {}\n", error.what());
      return results;
    }
  }

  /// Lets worker processes make what is missing; false if one of them did not come to its end.
  bool run_workers(int jobs) {
    std::vector<std::vector<std::string>> commands;
    for (int i = 1; i <= jobs; ++i) commands.push_back(worker_command(i, jobs));
    const int threads =
        options_.threads > 0 ? options_.threads : std::max(1, at::get_num_threads() / jobs);
    WorkerProcesses workers(commands, threads);
    Board board(ProgressOptions::standard_error(options_.quiet));
    for (bool stopping = false; workers.running();) {
      board.refresh(live_processes(base_ / "status"));
      if (interrupt_requested() && !stopping) {
        workers.signal(SIGTERM);
        stopping = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    board.refresh(live_processes(base_ / "status"));
    board.close();
    remove_dead(base_ / "status");
    for (int i = 0; i < jobs; ++i) {
      const int code = workers.codes()[i];
      worst_code_ = worse_of(worst_code_, job_exit_code(code, /*user_stopped=*/false));
      if (code > 128) {
        fmt::print(stderr,
                   "worker {} of {} was ended by signal {}; the same command again goes on "
                   "from there\n",
                   i + 1, jobs, code - 128);
      }
    }
    return worst_code_ == 0;
  }

  /// The words that make this program do the same.
  std::vector<std::string> command() const {
    std::vector<std::string> words = {"run", options_.sweep.string()};
    const auto add = [&words](const char* option, const std::string& value) {
      words.insert(words.end(), {option, value});
    };
    for (const std::string& set : options_.set) add("--set", set);
    add("--store", options_.store.string());
    add("--out", base_.string());
    const RunOptions defaults;
    const auto add_if_other = [&](const char* option, const auto& value, const auto& otherwise) {
      if (value != otherwise) add(option, fmt::format("{}", value));
    };
    add_if_other("--device", options_.device, defaults.device);
    add_if_other("--memory", options_.memory, defaults.memory);
    add_if_other("--shard", options_.shard, defaults.shard);
    add_if_other("--jobs", options_.jobs, defaults.jobs);
    add_if_other("--threads", options_.threads, defaults.threads);
    add_if_other("--checkpoint-every", options_.checkpoint_seconds, defaults.checkpoint_seconds);
    if (options_.tensorboard) words.push_back("--tensorboard");
    if (options_.allow_missing) words.push_back("--allow-missing");
    return words;
  }

  std::vector<std::string> worker_command(int index, int jobs) const {
    std::vector<std::string> words = command();  // of options given twice the last one counts
    words.insert(words.end(), {"--quiet", "--jobs", "1", "--device", device_of_worker(index),
                               "--worker", fmt::format("{}/{}", index, jobs), "--run-id",
                               options_.run_id, "--since", fmt::format("{}", options_.since)});
    return words;
  }

  /// GPUs are dealt out in turn, unless the user has named one.
  std::string device_of_worker(int index) const {
    if (!environment_.device.is_cuda() || options_.device.starts_with("cuda:")) {
      return options_.device;
    }
    return fmt::format("cuda:{}", (index - 1) % torch::cuda::device_count());
  }

  void report(const json& results) {
    const std::string pictures = write_report(results, out_, out_, write_text);
    if (!options_.quiet && !pictures.empty()) fmt::print(stderr, "{}\n", pictures);
    fmt::print("\n{}\nreport: {}\nrecord: {}\n", render_table(results),
               (out_ / "report.html").string(), (out_ / "results.json").string());
  }

  int exit_code(bool workers_ended) const {
    size_t done = 0, open = 0;
    for (const CellOutcome& outcome : work_->outcomes()) {
      done += outcome.status == CellStatus::kDone;
      open += outcome.status == CellStatus::kInterrupted;
    }
    if (done == cells_.size()) return kAllDone;
    if (!workers_ended) return worst_code_;
    if (options_.report_only && open > 0) return kInterrupted;
    return done == 0 && work_->only_bad_data() ? kBadData : kSomeFailed;
  }

  RunOptions options_;
  const Sweep& sweep_;
  const SweepPlan& plan_;
  Environment environment_;
  Shard shard_;
  std::vector<size_t> cells_;  ///< of this shard
  fs::path base_;              ///< what all shards and workers share
  fs::path out_;               ///< where the record goes
  Store store_;
  Progress progress_, silent_;
  RunFacts facts_;
  std::unique_ptr<LiveFile> status_;
  std::unique_ptr<EventLog> log_;
  json shown_;
  CheckpointClock results_due_{5.0};
  std::unique_ptr<SweepWork> work_;
  int worst_code_ = 0;  ///< of the worker processes
};

Environment environment_of(const RunOptions& options, std::shared_ptr<Communicator> ranks) {
  torch::Device device = device_from_name(options.device);
  if (ranks && device.is_cuda() && !options.device.starts_with("cuda:")) {  // each its own
    device = torch::Device(
        torch::kCUDA, static_cast<torch::DeviceIndex>(local_rank() % torch::cuda::device_count()));
  }
  return {device, bytes_from_text(options.memory), std::move(ranks)};
}

SweepPlan planned(const RunOptions& options, const Sweep& sweep, const Environment& environment) {
  pixel_cache_from_environment();  // a mistake in it is said now, not after the data set's scan
  try {
    return plan_sweep(sweep.cells, environment);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", options.sweep.string(), error.what()));
  }
}

int run_checked(const RunOptions& options, const Sweep& sweep, const SweepPlan& plan,
                const Environment& environment) {
  if (options.worker.empty() && !options.report_only) check_brought_files(sweep);
  return SweepRun(options, sweep, plan, environment).run();
}

}  // namespace

int run_sweep(const RunOptions& options) {
  const Sweep sweep = read_sweep(options.sweep, options.set, known_names());
  if (options.threads > 0) at::set_num_threads(options.threads);
  // A worker of -j is one of several processes too, but trains alone.
  const Environment environment =
      environment_of(options, options.worker.empty() ? open_communicator() : nullptr);
  const SweepPlan plan = planned(options, sweep, environment);
  if (!environment.ranks) return run_checked(options, sweep, plan, environment);
  if (environment.ranks->rank() > 0) {
    follow_ranks(plan, Store(options.store), *environment.ranks);
    return kAllDone;
  }
  try {
    const int code = run_checked(options, sweep, plan, environment);
    dismiss_ranks(*environment.ranks);
    return code;
  } catch (const RankLost&) {
    throw;
  } catch (...) {
    dismiss_ranks(*environment.ranks);
    throw;
  }
}

int print_plan(const RunOptions& options, size_t show, bool as_json) {
  const Sweep sweep = read_sweep(options.sweep, options.set, known_names());
  const SweepPlan plan = planned(options, sweep, environment_of(options, nullptr));
  print_plan(sweep, plan, {options.store, base_folder(options), show}, as_json);
  return kAllDone;
}

int run_report(const fs::path& folder, const fs::path& out, bool quiet) {
  const json results = read_json(folder / "results.json");
  const std::vector<std::string> problems = validate_results(results);
  for (const std::string& problem : problems) {
    fmt::print(stderr, "{}: {}\n", (folder / "results.json").string(), problem);
  }
  if (!problems.empty()) return kBadData;
  const std::string pictures = write_report(results, folder, out, write_text);
  if (!quiet && !pictures.empty()) fmt::print(stderr, "{}\n", pictures);
  fmt::print("{}\nreport: {}\n", render_table(results), (out / "report.html").string());
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
  } catch (const RankLost& error) {
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
