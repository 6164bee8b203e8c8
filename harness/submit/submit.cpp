#include "harness/submit/submit.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "datasets/sha256.h"
#include "harness/exit_code.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/shell_quote.h"
#include "harness/sweep/sweep.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || !in.is_open()) {
    throw std::system_error(errno, std::generic_category(), path.string() + ": cannot read");
  }
  return text;
}

/// In the folders of PATH; a name with a slash is not looked for.
bool in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

/// What a command says on standard output, if it ends well. Its standard error is ours.
bool output_of(const std::vector<std::string>& words, std::string* output) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(quote(words).c_str(), "r"), pclose);
  if (!pipe) throw std::system_error(errno, std::generic_category(), words.front());
  std::array<char, 256> part;
  while (std::fgets(part.data(), part.size(), pipe.get()) != nullptr) *output += part.data();
  const int status = pclose(pipe.release());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// sbatch --parsable says `number` or `number;cluster`.
bool submit(const std::vector<std::string>& command, std::string* job) {
  std::string said;
  if (!output_of(command, &said)) return false;
  *job = said.substr(0, said.find_first_not_of("0123456789"));
  return !job->empty();
}

/// As squeue shows it, whatever the sweep calls itself.
std::string job_name(const std::string& sweep) {
  std::string name = "oar-" + sweep.substr(0, 40);
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '_' && c != '.'; }, '_');
  return name;
}

/// The sweep as it is now, in a folder named by its content: jobs that wait for days read this one.
/// The file keeps its name, as it is the sweep's where the sweep has none of its own.
fs::path keep_sweep(const fs::path& sweep, const std::string& text, const fs::path& folder) {
  const fs::path place = folder / sha256_hex(text).substr(0, 12) / sweep.filename();
  fs::create_directories(place.parent_path());
  if (!fs::exists(place)) write_file_atomically(place, std::string_view(text));
  return place;
}

void check_counts(const SlurmResources& resources) {
  const auto check = [](const char* option, int64_t value, int64_t least) {
    if (value >= least) return;
    throw std::invalid_argument(fmt::format("{} must be >= {}, got {}", option, least, value));
  };
  check("--tasks", resources.tasks, 1);
  check("--max-running", resources.max_running, 0);
  check("--cpus-per-task", resources.cpus_per_task, 1);
  check("--ranks", resources.ranks, 1);
}

SlurmJob make_job(const SubmitOptions& options, const Sweep& sweep) {
  SlurmJob job;
  job.name = job_name(sweep.name);
  job.program = fs::read_symlink("/proc/self/exe");
  job.directory = fs::current_path();
  const fs::path out = options.out.empty() ? fs::path("runs") / options.sweep.stem() : options.out;
  job.out = fs::absolute(out).lexically_normal();
  job.store = fs::absolute(options.store).lexically_normal();
  job.set = options.set;
  job.only_cells = options.run_with;
  job.allow_missing = options.allow_missing;
  job.resources = options.resources;
  const auto cells = static_cast<int64_t>(sweep.cells.size());
  if (job.resources.tasks == 0) job.resources.tasks = std::min(cells, kMostTasks);
  job.resources.tasks = std::min(job.resources.tasks, cells);
  check_counts(job.resources);
  return job;
}

void print_jobs(const SlurmJob& job, size_t cells, const std::string& array,
                const std::string& report) {
  const fs::path folder = job.out / "slurm";
  fmt::print(
      "job {}: {} tasks for {} cells; job {} reports after them\n"
      "  watch   squeue --jobs={},{}\n"
      "          {} status {}\n"
      "  logs    {}\n"
      "  cancel  scancel {} {}\n"
      "  report  {}\n",
      array, job.resources.tasks, cells, report, array, report, quote(job.program.string()),
      quote(job.out.string()), (folder / fmt::format("cells-{}_<task>.log", array)).string(), array,
      report, (job.out / "report.md").string());
}

int refused(const char* which, const std::string& hint) {
  fmt::print(stderr, "oar-bench: sbatch did not take the {} (its words are above){}\n", which,
             hint);
  return kInputOutput;
}

}  // namespace

int run_submit(const SubmitOptions& options) {
  const std::string text = read_file(options.sweep);
  const Sweep sweep = parse_sweep(text, options.sweep.string(), options.set, known_names());
  plan_sweep(sweep.cells, Environment{});  // sizes that do not fit, data that is not there
  if (!options.dry_run && !in_path("sbatch")) {
    throw std::invalid_argument(
        "submit: there is no sbatch in PATH; run this on a machine that submits to the cluster, or "
        "add --dry-run to write the scripts only");
  }
  SlurmJob job = make_job(options, sweep);
  const fs::path folder = job.out / "slurm", cells = folder / "cells.sh",
                 report = folder / "report.sh";
  const std::vector<std::string> submit_cells = sbatch_command(job, cells, "cells-%A_%a.log");
  cells_script(job);  // refuses before anything is written
  job.sweep = keep_sweep(options.sweep, text, folder);
  write_file_atomically(cells, std::string_view(cells_script(job)));
  write_file_atomically(report, std::string_view(report_script(job)));
  fs::create_directories(job.store);
  if (options.dry_run) {
    std::vector<std::string> submit_report = sbatch_command(job, report, "report-%j.log");
    submit_report.pop_back();
    fmt::print("cells=$({}) &&\n{} --dependency=afterany:\"${{cells%%;*}}\" {}\n",
               quote(submit_cells), quote(submit_report), quote(report.string()));
    return kAllDone;
  }
  std::string array, report_job;
  if (!submit(submit_cells, &array)) return refused("job array", "; nothing was submitted");
  if (!submit(sbatch_command(job, report, "report-%j.log", array), &report_job)) {
    return refused("report",
                   fmt::format("; job {} runs all the same: `scancel {}` ends it", array, array));
  }
  print_jobs(job, sweep.cells.size(), array, report_job);
  return kAllDone;
}

}  // namespace oar
