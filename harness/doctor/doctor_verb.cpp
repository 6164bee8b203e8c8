#include "harness/doctor/doctor_verb.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "datasets/sha256.h"
#include "harness/doctor/check_machine.h"
#include "harness/doctor/check_store.h"
#include "harness/doctor/check_tools.h"
#include "harness/exit_code.h"
#include "harness/store/machine.h"
#include "harness/weights/weight_files.h"
#include "metrics/embedded_weights.h"
#include "reports/plots.h"

namespace oar {
namespace {

using nlohmann::json;

Finding program(const json& machine) {
  const auto text = [](const json& value) {
    return value.is_string() ? value.get<std::string>() : std::string("unknown");
  };
  Finding finding{
      Finding::Level::kOk, "program",
      fmt::format("oar-bench {}, commit {}, {}", OAR_VERSION,
                  text(machine.at("commit")).substr(0, 12), text(machine.at("compiler")))};
  if (machine.at("tree_clean") == false) {
    finding.found += ", from sources with changes that are not committed";
  }
  return finding;
}

Finding libraries(const json& machine) {
  std::string text;
  for (const auto& [name, version] : machine.at("libraries").items()) {
    if (!text.empty()) text += ", ";
    text += name + " " + (version.is_string() ? version.get<std::string>() : version.dump());
  }
  return {Finding::Level::kOk, "libraries", text};
}

Finding operating_system(const json& machine) {
  const json& system = machine.at("system");
  std::string text;
  for (const char* part : {"name", "kernel", "architecture"}) {
    if (system.contains(part) && system.at(part).is_string()) {
      text += (text.empty() ? "" : ", ") + system.at(part).get<std::string>();
    }
  }
  return {Finding::Level::kOk, "system", text.empty() ? "not known" : text};
}

/// Names come from the machine's record where it has them.
GpuFacts gpu_facts(const json& machine) {
  GpuFacts facts{nvidia_driver(), at::hasCUDA(), {}};
  const auto count = torch::cuda::is_available() ? torch::cuda::device_count() : 0;
  const auto gpus = machine.find("gpus");
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const bool is_named = gpus != machine.end() && gpus->is_array() && i < gpus->size() &&
                          (*gpus)[i].is_object() && (*gpus)[i].contains("name") &&
                          (*gpus)[i].at("name").is_string();
    facts.names.push_back(is_named ? (*gpus)[i].at("name").get<std::string>() : "a GPU");
  }
  return facts;
}

std::vector<Finding> examine(const DoctorOptions& options) {
  const bool has_gpu = torch::cuda::is_available() && torch::cuda::device_count() > 0;
  const json machine = machine_record(has_gpu ? "cuda:0" : "cpu");
  std::vector<Finding> findings = {program(machine), operating_system(machine), libraries(machine)};
  const auto add = [&findings](const std::vector<Finding>& more) {
    findings.insert(findings.end(), more.begin(), more.end());
  };
  add(check_machine(machine_facts(machine, at::get_num_threads())));
  add(check_gpus(gpu_facts(machine)));
  add(check_weights(known_weights(), weights_folder(), sha256_hex(embedded_efficientnet_lite0())));
  findings.push_back(check_plots(plots_python(), plots_script()));
  add(check_store(options.store));
  return findings;
}

}  // namespace

int run_doctor(const DoctorOptions& options, std::ostream& out) {
  const std::vector<Finding> findings = examine(options);
  const auto count = [&](Finding::Level level) {
    return std::count_if(findings.begin(), findings.end(),
                         [level](const Finding& finding) { return finding.level == level; });
  };
  const auto problems = count(Finding::Level::kProblem);
  if (options.json) {
    out << findings_json(findings).dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  } else {
    out << findings_text(findings)
        << fmt::format("problems: {}, warnings: {}\n", problems, count(Finding::Level::kWarning));
  }
  return problems > 0 ? kSomeFailed : kAllDone;
}

Verb add_doctor_verb(CLI::App& app) {
  const auto options = std::make_shared<DoctorOptions>();
  CLI::App* const verb = app.add_subcommand(
      "doctor", "what a run would find here: device, threads, memory, libraries, weights, store");
  verb->add_option("--store", options->store, "folder of finished stages")->capture_default_str();
  verb->add_flag("--json", options->json, "print JSON");
  return {verb, [options] { return run_doctor(*options, std::cout); }};
}

}  // namespace oar
