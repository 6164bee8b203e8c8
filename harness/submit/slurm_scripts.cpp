#include "harness/submit/slurm_scripts.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/sweep/shell_quote.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

/// Seconds before the time limit at which Slurm sends TERM: a step, a checkpoint and its sync fit.
constexpr int kNotice = 120;

// A task is requeued when the program asks for it (75), or when it was too young to (143: TERM
// before its handlers stood). `scontrol requeue` would raise a cancelled job from the dead, so the
// job must still be running. Without a signal a 75 means that a process was lost; a task that
// loses one again and again must not go round for ever.
constexpr char kRunAndRequeue[] = R"(
program=
stopped=0
interrupted=0
on_term() {
  stopped=1
  interrupted=1
  [ -z "$program" ] || hand_on_term
}
trap on_term TERM
run_share &
program=$!
[ "$stopped" = 0 ] || hand_on_term
while :; do
  interrupted=0
  wait "$program"
  code=$?
  [ "$interrupted" = 1 ] || break  # else the signal ended the wait, not the program
done

if [ "$code" = 75 ] || { [ "$stopped" = 1 ] && [ "$code" = 143 ]; }; then
  task=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
  if ! scontrol show job --oneliner "$task" | grep -q ' JobState=RUNNING '; then
    echo "task $task was ended from outside; submit the sweep again to continue"
  elif [ "$stopped" = 0 ] && [ "${SLURM_RESTART_COUNT:-0}" -ge 20 ]; then
    echo "task $task has stopped ${SLURM_RESTART_COUNT} times; submit the sweep again to continue"
  else
    echo "task $task continues after a requeue"
    scontrol requeue "$task" && exit 0
  fi
fi
exit "$code"
)";

std::string directive(std::string_view option, std::string_view value) {
  return fmt::format("#SBATCH --{}={}\n", option,
                     directive_value(fmt::format("--{}", option), value));
}

std::string optional_directive(std::string_view option, std::string_view value) {
  return value.empty() ? "" : directive(option, value);
}

/// What both jobs ask for.
std::string common_directives(const SlurmResources& resources) {
  return directive("mem", resources.memory) + optional_directive("time", resources.time) +
         optional_directive("partition", resources.partition) +
         optional_directive("account", resources.account);
}

std::string cells_directives(const SlurmResources& resources) {
  std::string array = fmt::format("1-{}", resources.tasks);
  if (resources.max_running > 0) array += fmt::format("%{}", resources.max_running);
  std::string text = directive("array", array) + common_directives(resources) +
                     directive("ntasks", std::to_string(resources.ranks)) +
                     directive("cpus-per-task", std::to_string(resources.cpus_per_task));
  if (!resources.gpus.empty()) {
    text += resources.ranks > 1 ? directive("gpus-per-task", resources.gpus)
                                : directive("gres", "gpu:" + resources.gpus);
  }
  return text + "#SBATCH --requeue\n#SBATCH --open-mode=append\n" +
         fmt::format("#SBATCH --signal=B:TERM@{}\n", kNotice);
}

/// `run SWEEP` with what both jobs give it.
std::vector<std::string> run_words(const SlurmJob& job) {
  std::vector<std::string> words = {job.program.string(), "run", job.sweep.string()};
  for (const std::string& setting : job.set) words.insert(words.end(), {"--set", setting});
  words.insert(words.end(), {"--store", job.store.string(), "--out", job.out.string(), "--quiet"});
  if (job.allow_missing) words.push_back("--allow-missing");
  return words;
}

std::string set_up(const SlurmJob& job) {
  return fmt::format(
      "cd -- {} || exit 74\n"
      "export OMP_NUM_THREADS=\"${{SLURM_CPUS_PER_TASK:-1}}\" OMP_WAIT_POLICY=PASSIVE\n",
      quote(job.directory.string()));
}

}  // namespace

std::string cells_script(const SlurmJob& job) {
  std::vector<std::string> words = run_words(job);
  words.insert(words.end(), job.only_cells.begin(), job.only_cells.end());
  const int64_t ranks = job.resources.ranks;
  // srun would end the step at once on TERM; scancel signals its processes and lets them finish.
  const std::string launcher =
      ranks > 1 ? fmt::format("srun --ntasks={} --cpus-per-task={} --kill-on-bad-exit=1 ", ranks,
                              job.resources.cpus_per_task)
                : "exec ";
  const std::string forward =
      ranks > 1 ? "scancel --signal=TERM \"$SLURM_JOB_ID\"" : "kill -TERM \"$program\" 2>/dev/null";
  return "#!/bin/bash\n"
         "# Written by oar-bench submit. Each task of the array runs its share of the sweep.\n" +
         cells_directives(job.resources) + "\n" + set_up(job) +
         fmt::format("run_share() {{\n  {}{} --shard \"$SLURM_ARRAY_TASK_ID\"/{}\n}}\n", launcher,
                     quote(words), job.resources.tasks) +
         fmt::format("hand_on_term() {{ {}; }}\n", forward) + kRunAndRequeue;
}

std::string report_script(const SlurmJob& job) {
  return "#!/bin/bash\n"
         "# Written by oar-bench submit. Reports what the array has made.\n" +
         common_directives(job.resources) + directive("ntasks", "1") +
         directive("cpus-per-task", "1") + "#SBATCH --requeue\n#SBATCH --open-mode=append\n\n" +
         set_up(job) + "exec " + quote(run_words(job)) + " --report-only\n";
}

std::vector<std::string> sbatch_command(const SlurmJob& job, const fs::path& script,
                                        const std::string& log, const std::string& after) {
  std::string folder = script.parent_path().string();
  if (folder.find('\\') != std::string::npos) {
    throw std::invalid_argument(fmt::format(
        "--out: {}: Slurm fills in no job numbers where a log's path has a backslash; name a "
        "folder without one",
        folder));
  }
  for (size_t at = 0; (at = folder.find('%', at)) != std::string::npos; at += 2) {
    folder.insert(at, "%");
  }
  std::vector<std::string> words = {"sbatch", "--parsable", "--job-name=" + job.name,
                                    "--output=" + folder + "/" + log};
  if (!after.empty()) words.push_back("--dependency=afterany:" + after);
  for (const std::string& option : job.resources.more) {
    if (!option.starts_with("-")) {
      throw std::invalid_argument(fmt::format(
          "--sbatch-option: \"{}\" is no option of sbatch; write it as one word that begins with a "
          "dash: --sbatch-option=--qos=long",
          option));
    }
    words.push_back(option);
  }
  words.push_back(script.string());
  return words;
}

}  // namespace oar
