#include "harness/doctor/check_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "harness/store/machine.h"

namespace oar {
namespace {

using Level = Finding::Level;
using ::testing::HasSubstr;

MachineFacts two_cores() {
  MachineFacts facts;
  facts.processor = "AMD EPYC";
  facts.instruction_sets = {"avx2", "fma", "avx512f"};
  facts.cores = facts.processors = facts.threads = 2;
  facts.omp_wait_policy = "PASSIVE";
  facts.memory = int64_t{16} << 30;
  facts.free_memory = int64_t{8} << 30;
  return facts;
}

Finding about(const std::string& what, const MachineFacts& facts) {
  for (const Finding& finding : check_machine(facts)) {
    if (finding.what == what) return finding;
  }
  ADD_FAILURE() << "nothing is said about " << what;
  return {};
}

TEST(CheckMachine, AGoodOneIsOkInEverything) {
  for (const Finding& finding : check_machine(two_cores())) {
    EXPECT_EQ(finding.level, Level::kOk) << finding.what << finding.advice;
    EXPECT_EQ(finding.advice, "");
  }
}

TEST(CheckMachine, ThreadsThatSpinOnASmallOrBusyMachineAreAWarning) {
  MachineFacts facts = two_cores();
  facts.omp_wait_policy = "";
  EXPECT_EQ(about("waiting", facts).level, Level::kWarning);
  EXPECT_THAT(about("waiting", facts).advice, HasSubstr("small"));
  EXPECT_THAT(about("waiting", facts).advice, HasSubstr("OMP_WAIT_POLICY=PASSIVE"));
  facts.processors = facts.threads = 64;
  EXPECT_EQ(about("waiting", facts).level, Level::kOk);
  facts.load = 40;
  EXPECT_THAT(about("waiting", facts).advice, HasSubstr("busy"));
  facts.threads = 1;  // a single one waits for nobody
  EXPECT_EQ(about("waiting", facts).level, Level::kOk);
}

TEST(CheckMachine, MoreThreadsThanProcessorsAreAWarning) {
  MachineFacts facts = two_cores();
  facts.threads = 8;
  facts.omp_num_threads = "8";
  EXPECT_EQ(about("threads", facts).level, Level::kWarning);
  EXPECT_EQ(about("threads", facts).found, "8, OMP_NUM_THREADS=8");
  EXPECT_THAT(about("threads", facts).advice, HasSubstr("OMP_NUM_THREADS=2"));
  facts = two_cores();
  facts.processor_limit = 1;  // of the container
  EXPECT_THAT(about("threads", facts).advice, HasSubstr("OMP_NUM_THREADS=1"));
}

TEST(CheckMachine, SaysWhichFastPathsTheProcessorHas) {
  MachineFacts facts = two_cores();
  EXPECT_EQ(about("instruction sets", facts).found, "avx2 fma avx512f");
  EXPECT_EQ(about("fast paths", facts).found,
            "AVX-512 kernels; bfloat16 is slower than float32 here");
  facts.instruction_sets = {"avx2", "avx512f", "avx512_bf16", "amx_bf16"};
  EXPECT_EQ(about("fast paths", facts).found,
            "AVX-512 kernels, bfloat16 products, AMX tiles; bfloat16 is faster than float32 here");
  facts.instruction_sets = {"avx"};
  EXPECT_EQ(about("instruction sets", facts).level, Level::kWarning);
  facts.instruction_sets = {"asimd", "bf16"};
  EXPECT_EQ(about("instruction sets", facts).level, Level::kOk);
}

TEST(CheckMachine, LittleMemoryIsAWarningAndTooLittleAProblem) {
  MachineFacts facts = two_cores();
  EXPECT_EQ(about("memory", facts).found, "8.00 GiB free of 16.0 GiB");
  facts.free_memory = int64_t{1} << 30;
  EXPECT_EQ(about("memory", facts).level, Level::kWarning);
  facts.free_memory = int64_t{100} << 20;
  EXPECT_EQ(about("memory", facts).level, Level::kProblem);
  facts.free_memory = 0;
  EXPECT_EQ(about("memory", facts).level, Level::kOk);
}

TEST(MachineFactsTest, AreThoseOfThisMachine) {
  setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
  const MachineFacts facts = machine_facts(machine_record("cpu"), 1);
  EXPECT_EQ(facts.threads, 1);
  EXPECT_EQ(facts.omp_wait_policy, "PASSIVE");
  EXPECT_GE(facts.processors, 1);
  EXPECT_LE(facts.processors, std::max(1u, std::thread::hardware_concurrency()));
  EXPECT_GT(facts.free_memory, 0);
  EXPECT_LE(facts.free_memory, facts.memory);
}

TEST(CheckGpus, SaysWhyAGpuIsNotUsed) {
  EXPECT_EQ(check_gpus({"", false, {}}).at(0).level, Level::kOk);
  EXPECT_THAT(check_gpus({"550.54.15", false, {}}).at(0).advice, HasSubstr("GPU=1 make build"));
  EXPECT_EQ(check_gpus({"550.54.15", true, {}}).at(0).level, Level::kWarning);
}

TEST(CheckGpus, NamesEachOfThem) {
  const auto findings = check_gpus({"550.54.15", true, {"H100", "A100"}});
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[1].what, "GPU cuda:1");
  EXPECT_EQ(findings[1].found, "A100, driver 550.54.15");
  EXPECT_EQ(findings[1].level, Level::kOk);
}

}  // namespace
}  // namespace oar
