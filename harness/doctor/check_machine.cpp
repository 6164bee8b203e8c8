#include "harness/doctor/check_machine.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "harness/store/byte_text.h"

namespace oar {
namespace {

using Level = Finding::Level;

constexpr int64_t kGibibyte = int64_t{1} << 30;
constexpr int64_t kScarceMemory = 2 * kGibibyte;  // the quick start takes 1
constexpr int64_t kTooLittleMemory = kGibibyte / 2;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

int64_t usable_processors(int64_t otherwise) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : otherwise;
}

/// Version 2 of control groups: "200000 100000", quota and period, or "max 100000".
double control_group_processors() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  return in >> quota >> period && period > 0 ? quota / period : 0;
}

/// "MemAvailable:  123 kB" in bytes, no more than the control group leaves; 0 where not told.
int64_t available_memory() {
  std::ifstream in("/proc/meminfo");
  int64_t available = 0;
  for (std::string word; in >> word;) {
    if (word == "MemAvailable:" && in >> available) break;
  }
  available *= 1024;
  int64_t most = 0, used = 0;
  std::ifstream limit("/sys/fs/cgroup/memory.max"), current("/sys/fs/cgroup/memory.current");
  if (limit >> most && current >> used) available = std::min(available, most - used);
  return std::max<int64_t>(available, 0);
}

bool has(const MachineFacts& facts, const char* name) {
  const auto& sets = facts.instruction_sets;
  return std::find(sets.begin(), sets.end(), name) != sets.end();
}

Finding check_processor(const MachineFacts& facts) {
  return {Level::kOk, "processor",
          fmt::format("{}, {} cores, {} threads usable",
                      facts.processor.empty() ? "not known" : facts.processor,
                      facts.cores > 0 ? std::to_string(facts.cores) : "?", facts.processors)};
}

Finding check_threads(const MachineFacts& facts) {
  Finding finding{
      Level::kOk, "threads",
      fmt::format(
          "{}{}", facts.threads,
          facts.omp_num_threads.empty() ? "" : ", OMP_NUM_THREADS=" + facts.omp_num_threads)};
  const double limit = facts.processor_limit > 0
                           ? std::min(facts.processor_limit, static_cast<double>(facts.processors))
                           : static_cast<double>(facts.processors);
  if (facts.processor_limit > 0) {
    finding.found += fmt::format(", limited to {:.3g} processors", facts.processor_limit);
  }
  if (static_cast<double>(facts.threads) > limit + 0.5) {
    finding.level = Level::kWarning;
    finding.advice = fmt::format(
        "more threads than processors slow each other down: "
        "OMP_NUM_THREADS={}",
        std::max<int64_t>(1, static_cast<int64_t>(limit)));
  }
  return finding;
}

/// Threads of OpenMP that wait for each other by spinning take processors from everybody else.
Finding check_waiting(const MachineFacts& facts) {
  std::string policy = facts.omp_wait_policy;
  std::transform(policy.begin(), policy.end(), policy.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_small = facts.processors <= 4;
  const bool is_busy = facts.load > 0.5 * static_cast<double>(facts.processors);
  Finding finding{Level::kOk, "waiting",
                  fmt::format("OMP_WAIT_POLICY {}, load {:.2f}",
                              policy.empty() ? "not set" : "is " + policy, facts.load)};
  if (policy != "passive" && facts.threads > 1 && (is_small || is_busy)) {
    finding.level = Level::kWarning;
    finding.advice = fmt::format(
        "threads that wait spin on a {} machine; small models run faster "
        "with OMP_WAIT_POLICY=PASSIVE",
        is_busy ? "busy" : "small");
  }
  return finding;
}

Finding check_instruction_sets(const MachineFacts& facts) {
  Finding finding{Level::kOk, "instruction sets", ""};
  for (const std::string& name : facts.instruction_sets) {
    finding.found += (finding.found.empty() ? "" : " ") + name;
  }
  if (finding.found.empty()) finding.found = "none that matter are known";
  const bool is_arm = has(facts, "asimd");
  if (!is_arm && !has(facts, "avx2")) {
    finding.level = Level::kWarning;
    finding.advice = "without AVX2 matrix products take several times as long";
  }
  return finding;
}

Finding check_fast_paths(const MachineFacts& facts) {
  std::vector<std::string> paths;
  if (has(facts, "avx512f")) paths.push_back("AVX-512 kernels");
  if (has(facts, "avx512_vnni") || has(facts, "avx_vnni")) paths.push_back("VNNI");
  if (has(facts, "avx512_bf16")) paths.push_back("bfloat16 products");
  if (has(facts, "amx_bf16")) paths.push_back("AMX tiles");
  if (has(facts, "bf16")) paths.push_back("bfloat16 products (Arm)");
  const bool fast_bfloat16 =
      has(facts, "avx512_bf16") || has(facts, "amx_bf16") || has(facts, "bf16");
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : ", ") + path;
  return {Level::kOk, "fast paths",
          fmt::format("{}; bfloat16 is {} than float32 here", text.empty() ? "none" : text,
                      fast_bfloat16 ? "faster" : "slower")};
}

Finding check_memory(const MachineFacts& facts) {
  if (facts.free_memory == 0) return {Level::kOk, "memory", "the system does not tell"};
  Finding finding{Level::kOk, "memory",
                  fmt::format("{} free of {}", byte_text(static_cast<double>(facts.free_memory)),
                              byte_text(static_cast<double>(facts.memory)))};
  if (facts.free_memory < kTooLittleMemory) {
    finding.level = Level::kProblem;
    finding.advice = "even the quick start needs 1 GiB: end other programs";
  } else if (facts.free_memory < kScarceMemory) {
    finding.level = Level::kWarning;
    finding.advice = "enough for the quick start; larger models train in smaller parts, slower";
  }
  return finding;
}

}  // namespace

MachineFacts machine_facts(const nlohmann::json& machine_record, int64_t threads) {
  const nlohmann::json& processor = machine_record.at("processor");
  const auto number = [](const nlohmann::json& value) {
    return value.is_number() ? value.get<int64_t>() : 0;
  };
  MachineFacts facts;
  if (processor.at("model").is_string()) facts.processor = processor.at("model");
  facts.instruction_sets = processor.at("instruction_sets").get<std::vector<std::string>>();
  facts.cores = number(processor.at("cores"));
  facts.processors = usable_processors(std::max<int64_t>(number(processor.at("threads")), 1));
  facts.processor_limit = control_group_processors();
  facts.threads = threads;
  getloadavg(&facts.load, 1);
  facts.omp_num_threads = variable("OMP_NUM_THREADS");
  facts.omp_wait_policy = variable("OMP_WAIT_POLICY");
  facts.memory = number(machine_record.at("memory"));
  facts.free_memory = available_memory();
  return facts;
}

std::vector<Finding> check_machine(const MachineFacts& facts) {
  return {check_processor(facts),        check_threads(facts),    check_waiting(facts),
          check_instruction_sets(facts), check_fast_paths(facts), check_memory(facts)};
}

std::string nvidia_driver() {
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024"
  std::ifstream in("/proc/driver/nvidia/version");
  std::string line;
  if (!std::getline(in, line)) return "";
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.find('.') != std::string::npos &&
        word.find_first_not_of("0123456789.") == std::string::npos) {
      return word;
    }
  }
  return line;
}

std::vector<Finding> check_gpus(const GpuFacts& facts) {
  if (facts.driver.empty() && facts.names.empty()) {
    return {{Level::kOk, "GPU", "none: everything runs on the processor"}};
  }
  if (!facts.libtorch_has_cuda) {
    return {{Level::kWarning, "GPU",
             fmt::format("driver {}, but this program's libtorch has no CUDA", facts.driver),
             "build it with CUDA: GPU=1 make build"}};
  }
  if (facts.names.empty()) {
    return {{Level::kWarning, "GPU",
             fmt::format("driver {}, but libtorch sees no GPU it can use", facts.driver),
             "is CUDA_VISIBLE_DEVICES empty, or the driver older than libtorch's CUDA?"}};
  }
  std::vector<Finding> findings;
  for (size_t i = 0; i < facts.names.size(); ++i) {
    findings.push_back({Level::kOk, fmt::format("GPU cuda:{}", i),
                        fmt::format("{}, driver {}", facts.names[i],
                                    facts.driver.empty() ? "not known" : facts.driver)});
  }
  return findings;
}

}  // namespace oar
