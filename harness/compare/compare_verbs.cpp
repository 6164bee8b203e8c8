#include "harness/compare/compare_verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "harness/compare/record_file.h"
#include "harness/exit_code.h"
#include "models/weights/atomic_file.h"
#include "reports/comparison/baseline.h"
#include "reports/comparison/formats.h"

namespace oar {
namespace {

using nlohmann::json;

std::string printed(const json& value) {
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

int exit_code(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::kPass:
      return kAllDone;
    case GateVerdict::kRegression:
      return kRegression;
    case GateVerdict::kUndecided:
      return kUndecided;
  }
  return kUndecided;
}

/// What the newer record's gates tolerate is what its users do.
std::map<std::string, Tolerance> tolerances_of(const json& results) {
  std::map<std::string, Tolerance> tolerances;
  const auto gates = results.find("gates");
  if (gates == results.end() || !gates->is_array()) return tolerances;
  for (const json& gate : *gates) {
    if (!gate.is_object() || !gate.contains("max_regression") || !gate.contains("metric")) continue;
    if (!gate["max_regression"].is_number() || !gate["metric"].is_string()) continue;
    const bool relative = gate.contains("relative") && gate["relative"] == true;
    tolerances[gate["metric"]] = {gate["max_regression"], relative};
  }
  return tolerances;
}

}  // namespace

std::pair<std::string, Tolerance> tolerance_from_text(const std::string& text) {
  const size_t equals = text.find('=');
  std::string size = equals == std::string::npos ? "" : text.substr(equals + 1);
  Tolerance tolerance;
  tolerance.relative = !size.empty() && size.back() == '%';
  if (tolerance.relative) size.pop_back();
  const char* const end = size.data() + size.size();
  const auto [stop, error] = std::from_chars(size.data(), end, tolerance.size);
  if (equals == 0 || size.empty() || error != std::errc() || stop != end ||
      !std::isfinite(tolerance.size) || tolerance.size < 0) {
    throw std::invalid_argument(fmt::format(
        "--tolerance: found \"{}\"; accepted: a metric and a share of the base's value, "
        "fid=3%, or a number of its unit, kid=0.002",
        text));
  }
  if (tolerance.relative) tolerance.size /= 100.0;
  return {text.substr(0, equals), tolerance};
}

int run_compare(const CompareCommand& command, std::ostream& out) {
  const json base = read_record(command.base);
  const json now = read_record(command.now);
  CompareOptions options{command.level, command.metric, tolerances_of(now)};
  for (const std::string& text : command.tolerance) {
    const auto [metric, tolerance] = tolerance_from_text(text);
    options.tolerances[metric] = tolerance;
  }
  const Comparison comparison = compare_results(base, now, options);
  for (const std::string& text : command.tolerance) {
    const std::string metric = tolerance_from_text(text).first;
    const bool known = std::any_of(
        comparison.metrics.begin(), comparison.metrics.end(),
        [&](const ComparedMetric& compared) { return compared.numbers.metric == metric; });
    if (!known) {
      throw std::invalid_argument(
          fmt::format("--tolerance: no metric that is compared is called \"{}\"", metric));
    }
  }
  out << (command.json ? printed(comparison_json(comparison)) : comparison_text(comparison))
      << std::flush;
  if (comparison.any_worse()) return kRegression;
  return comparison.any_undecided() ? kUndecided : kAllDone;
}

int run_gate(const GateCommand& command, std::ostream& out) {
  const json now = read_record(command.run);
  if (!command.save_baseline.empty()) {
    for (const json& cell : now.at("cells")) {
      if (cell.at("status") != "done") {
        throw std::invalid_argument(fmt::format(
            "{}: its cell {} is not done, and a baseline needs all of them; run the sweep again",
            command.run.string(), cell.at("id").dump()));
      }
    }
    write_file_atomically(command.save_baseline, printed(baseline_of(now)));
    out << fmt::format("{}: the baseline of \"{}\"\n", command.save_baseline.string(),
                       record_name(now).sweep)
        << std::flush;
    return kAllDone;
  }
  json base;
  if (!command.baseline.empty()) base = read_record(command.baseline);
  const GateReport report =
      check_gates(now, command.baseline.empty() ? nullptr : &base, command.level);
  if (!command.junit.empty()) write_file_atomically(command.junit, gate_junit(report));
  if (!command.markdown.empty()) write_file_atomically(command.markdown, gate_markdown(report));
  std::string text = command.json ? printed(gate_json(report)) : gate_text(report);
  if (command.github) {  // a recipe's name at the beginning of a line could be a command there
    std::string quoted;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) quoted += "| " + line + "\n";
    text = quoted;
  }
  out << text;
  if (command.github) out << gate_github(report);
  out << std::flush;
  return exit_code(report.verdict());
}

Verb add_compare_verb(CLI::App& app) {
  const auto command = std::make_shared<CompareCommand>();
  CLI::App* const verb = app.add_subcommand(
      "compare", "is a record better or worse than another? paired by cell and seed, tested");
  verb->add_option("base", command->base, "folder of a run, or its results.json")->required();
  verb->add_option("new", command->now, "the same of the run in question")->required();
  verb->add_option("--metric", command->metric,
                   "this one only; the correction is over its rows then");
  verb->add_option("--level", command->level,
                   "probability of a false alarm, over all tests together")
      ->capture_default_str();
  verb->add_option("--tolerance", command->tolerance,
                   "fid=3% or kid=0.002: less counts as no regression; the new record's gates "
                   "without it")
      ->take_all();
  verb->add_flag("--json", command->json, "print one JSON object instead of a table");
  return {verb, [command] { return run_compare(*command, std::cout); }};
}

Verb add_gate_verb(CLI::App& app) {
  const auto command = std::make_shared<GateCommand>();
  CLI::App* const verb = app.add_subcommand(
      "gate",
      "does a record keep to its sweep's gates? exit codes: 0 yes, 3 no, 4 cannot be decided");
  verb->add_option("run", command->run, "folder of a run, or its results.json")->required();
  verb->add_option("--baseline", command->baseline,
                   "record to compare with; without it the row that the sweep names as baseline");
  verb->add_option("--save-baseline", command->save_baseline,
                   "check nothing; write the record to this file, shortened, as a later baseline");
  verb->add_option("--level", command->level, "probability of a wrong verdict")
      ->capture_default_str();
  CLI::Option* const as_json =
      verb->add_flag("--json", command->json, "print one JSON object instead of a table");
  verb->add_flag("--github", command->github, "print annotations of GitHub Actions too")
      ->excludes(as_json);
  verb->add_option("--junit", command->junit, "write JUnit XML to this file");
  verb->add_option("--markdown", command->markdown, "write a summary to this file");
  return {verb, [command] { return run_gate(*command, std::cout); }};
}

}  // namespace oar
