#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reports/comparison/formats.h"
#include "reports/comparison/text_table.h"
#include "reports/html_text.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;
using report::format_number;

std::string optional_number(const std::optional<double>& value) {
  return value ? format_number(*value) : "–";
}

std::string interval_text(const GateCheck& check) {
  if (!check.interval) return "–";
  return fmt::format("[{}, {}]", format_number(check.interval->low, 3),
                     format_number(check.interval->high, 3));
}

std::string verdict_text(const GateCheck& check) {
  return name_of(check.verdict) + (check.reason.empty() ? "" : ": " + check.reason);
}

std::string baseline_text(const GateReport& report) {
  if (!report.base) {
    return report.base_labels.empty() ? "no baseline"
                                      : "the sweep's own baseline, " + report.base_labels;
  }
  return fmt::format("{}, commit {}, {}", report.base->sweep, report.base->commit.substr(0, 12),
                     report.base->created);
}

std::string method_text(const GateReport& report) {
  return fmt::format(
      "Limits are what the sweep tolerates; that the mean over seeds keeps to them is tested: "
      "one-sided "
      "t-tests of what lies\nbeyond, paired by seed where there is a baseline. pass: each at {}, "
      "as all "
      "must pass. regression: {} over all by Holm's\nmethod. The t-test takes differences for "
      "normal; "
      "fewer than {} seeds decide nothing.",
      percent_text(report.level), percent_text(report.level), kFewestPairs);
}

size_t count(const GateReport& report, GateVerdict verdict) {
  return static_cast<size_t>(
      std::count_if(report.checks.begin(), report.checks.end(),
                    [&](const GateCheck& check) { return check.verdict == verdict; }));
}

/// "oar: FID ↓, at most 3% worse than the baseline".
std::string title_of(const GateCheck& check) {
  return fmt::format("{}{}{}, {}", check.row, check.row.empty() ? "" : ": ", check.metric,
                     check.limit);
}

/// "the baseline has 12.1, this record 12.9, change in [0.5, 1.1]; regression".
std::string sentence_of(const GateCheck& check) {
  std::string sentence;
  if (check.base_mean) sentence += fmt::format("baseline {}, ", format_number(*check.base_mean));
  if (check.mean) {
    sentence += fmt::format("now {}, n={}", format_number(*check.mean), check.n);
    if (check.interval) {
      sentence +=
          fmt::format(", {} in {}", check.base_mean ? "change" : "mean", interval_text(check));
    }
    sentence += ": ";
  }
  return sentence + verdict_text(check);
}

std::vector<const GateCheck*> worst_first(const GateReport& report) {
  std::vector<const GateCheck*> sorted;
  for (const GateVerdict verdict :
       {GateVerdict::kRegression, GateVerdict::kUndecided, GateVerdict::kPass}) {
    for (const GateCheck& check : report.checks) {
      if (check.verdict == verdict) sorted.push_back(&check);
    }
  }
  return sorted;
}

}  // namespace

std::string gate_text(const GateReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const GateCheck* check : worst_first(report)) {
    rows.push_back({report::shorten(check->row, 40), check->metric, check->limit,
                    std::to_string(check->n), optional_number(check->base_mean),
                    optional_number(check->mean), interval_text(*check), verdict_text(*check)});
  }
  const std::string interval = fmt::format("{} interval", percent_text(1.0 - 2.0 * report.level));
  return fmt::format(
      "{}, commit {}{}, against {}\n\n{}\n{}\n\ngate: {}\n", report.now.sweep,
      report.now.commit.substr(0, 12), report.now.tree_clean ? "" : " with changes",
      baseline_text(report),
      text_table({"row", "metric", "limit", "n", "baseline", "now", interval, "verdict"}, rows, 3),
      method_text(report), name_of(report.verdict()));
}

json gate_json(const GateReport& report) {
  const auto optional_json = [](const std::optional<double>& value) {
    return value ? json(*value) : json(nullptr);
  };
  json checks = json::array();
  for (const GateCheck& check : report.checks) {
    json interval;
    if (check.interval) interval = {check.interval->low, check.interval->high};
    checks.push_back({{"metric", check.metric},
                      {"row", check.row},
                      {"limit", check.limit},
                      {"n", check.n},
                      {"base_mean", optional_json(check.base_mean)},
                      {"mean", optional_json(check.mean)},
                      {"interval", std::move(interval)},
                      {"p_pass", optional_json(check.p_pass)},
                      {"p_regression_holm", optional_json(check.p_regression)},
                      {"verdict", name_of(check.verdict)},
                      {"reason", check.reason}});
  }
  return {{"schema_version", 1},
          {"name", report.now.sweep},
          {"commit", report.now.commit},
          {"baseline", baseline_text(report)},
          {"test", "paired t-test, one-sided"},
          {"level", report.level},
          {"verdict", name_of(report.verdict())},
          {"checks", std::move(checks)}};
}

std::string gate_markdown(const GateReport& report) {
  using report::escape_markdown;
  std::string markdown = fmt::format(
      "### Gate: {}\n\n{} pass, {} regression, {} cannot be decided; {} against {}.\n\n"
      "| row | metric | limit | n | baseline | now | {} interval | verdict |\n"
      "| --- | --- | --- | --: | --: | --: | --: | --- |\n",
      name_of(report.verdict()), count(report, GateVerdict::kPass),
      count(report, GateVerdict::kRegression), count(report, GateVerdict::kUndecided),
      escape_markdown(report.now.sweep + ", commit " + report.now.commit.substr(0, 12)),
      escape_markdown(baseline_text(report)), percent_text(1.0 - 2.0 * report.level));
  for (const GateCheck* check : worst_first(report)) {
    markdown += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} |\n", escape_markdown(check->row),
        escape_markdown(check->metric), check->limit, check->n, optional_number(check->base_mean),
        optional_number(check->mean), interval_text(*check), escape_markdown(verdict_text(*check)));
  }
  return markdown + "\n" + method_text(report) + "\n";
}

std::string gate_junit(const GateReport& report) {
  std::string cases;
  for (const GateCheck& check : report.checks) {
    const std::string message = escape_xml(sentence_of(check));
    cases += fmt::format("  <testcase classname=\"{}\" name=\"{}\">\n",
                         escape_xml("gate." + (check.row.empty() ? report.now.sweep : check.row)),
                         escape_xml(check.metric + ", " + check.limit));
    if (check.verdict == GateVerdict::kPass) {
      cases += fmt::format("    <system-out>{}</system-out>\n", message);
    } else {
      const char* const element = check.verdict == GateVerdict::kRegression ? "failure" : "error";
      cases += fmt::format("    <{0} type=\"{1}\" message=\"{2}\">{2}</{0}>\n", element,
                           name_of(check.verdict), message);
    }
    cases += "  </testcase>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n{}</testsuite>\n",
      escape_xml("oar-bench gate: " + report.now.sweep), report.checks.size(),
      count(report, GateVerdict::kRegression), count(report, GateVerdict::kUndecided), cases);
}

std::string gate_github(const GateReport& report) {
  std::string lines;
  for (const GateCheck* check : worst_first(report)) {
    if (check->verdict == GateVerdict::kPass) continue;
    lines += fmt::format(
        "::{} title={}::{}\n", check->verdict == GateVerdict::kRegression ? "error" : "warning",
        escape_github(title_of(*check), true), escape_github(sentence_of(*check), false));
  }
  return lines;
}

std::string escape_xml(std::string_view text) {
  std::string line = report::one_line(text);
  for (const std::string_view never : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {  // U+FFFE, U+FFFF
    for (size_t at; (at = line.find(never)) != std::string::npos;) line.replace(at, 3, "?");
  }
  return report::escape_html(line);
}

std::string escape_github(std::string_view text, bool property) {
  std::string escaped;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    escaped += special ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return escaped;
}

}  // namespace oar
