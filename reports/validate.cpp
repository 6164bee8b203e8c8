#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>

#include "reports/fields.h"
#include "reports/figures.h"
#include "reports/report.h"

namespace oar {
namespace {

using nlohmann::json;
using report::field;
using report::text;

constexpr size_t kLongestFound = 60;

/// Collects problems, each with the place it was found at.
class Checker {
 public:
  std::vector<std::string> problems;

  void problem(const std::string& where, const json& found, std::string_view accepted) {
    std::string shown = found.dump(-1, ' ', false, json::error_handler_t::replace);
    if (found.is_number_float() && !std::isfinite(found.get<double>())) shown = "NaN or infinity";
    if (shown.size() > kLongestFound)
      shown = fmt::format("{} of {} characters", found.type_name(), shown.size());
    problems.push_back(fmt::format("{}: found {}; accepted: {}", where, shown, accepted));
  }

  /// True if `object[key]` is there and `accepts` it; else says what is wrong.
  bool require(const json& object, const std::string& where, const std::string& key,
               bool (*accepts)(const json&), std::string_view accepted) {
    const std::string path = where.empty() ? key : where + "." + key;
    if (!object.contains(key)) {
      problems.push_back(fmt::format("{}: missing; accepted: {}", path, accepted));
      return false;
    }
    if (accepts(object[key])) return true;
    problem(path, object[key], accepted);
    return false;
  }

  /// As `require`, but a field that is not there, or null, is right too.
  void allow(const json& object, const std::string& where, const std::string& key,
             bool (*accepts)(const json&), std::string_view accepted) {
    if (!field(object, key).is_null()) require(object, where, key, accepts, accepted);
  }
};

bool is_name(const json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty();
}
bool is_text(const json& value) { return value.is_string(); }
bool is_bool(const json& value) { return value.is_boolean(); }
bool is_object(const json& value) { return value.is_object(); }
bool is_array(const json& value) { return value.is_array(); }
bool is_integer(const json& value) { return value.is_number_integer(); }
bool is_count(const json& value) { return value.is_number_integer() && value.get<double>() >= 0; }
bool is_finite(const json& value) {
  return value.is_number() && std::isfinite(value.get<double>());
}
bool is_finite_or_null(const json& value) { return value.is_null() || is_finite(value); }
bool is_bool_or_null(const json& value) { return value.is_null() || value.is_boolean(); }
bool is_text_or_null(const json& value) { return value.is_null() || is_text(value); }
bool is_count_or_null(const json& value) { return value.is_null() || is_count(value); }
bool is_seconds(const json& value) { return is_finite(value) && value.get<double>() >= 0; }
bool is_schema_version(const json& value) { return value.is_number_integer() && value == 1; }
bool is_sha256(const json& value) {
  return value.is_string() && value.get_ref<const std::string&>().size() == 64 &&
         value.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") ==
             std::string::npos;
}
bool is_instant(const json& value) {  // 2026-01-01T00:00:00Z
  constexpr std::string_view kPattern = "0000-00-00T00:00:00Z";
  if (!value.is_string()) return false;
  const auto& found = value.get_ref<const std::string&>();
  if (found.size() != kPattern.size()) return false;
  for (size_t i = 0; i < kPattern.size(); ++i) {
    if (kPattern[i] == '0' ? found[i] < '0' || found[i] > '9' : found[i] != kPattern[i])
      return false;
  }
  return true;
}
bool is_status(const json& value) {
  return value == "done" || value == "failed" || value == "diverged" || value == "interrupted";
}
bool is_grid(const json& value) {
  if (!value.is_array() || value.empty()) return false;
  for (const json& row : value) {
    if (!row.is_array() || row.empty() || row.size() != value.front().size()) return false;
    for (const json& mean_step : row) {
      if (!is_finite(mean_step)) return false;
    }
  }
  return true;
}
bool is_histogram(const json& value) {
  const json& edges = report::items(value, "edges");
  const json& counts = report::items(value, "counts");
  if (counts.empty() || edges.size() != counts.size() + 1) return false;
  for (const json& count : counts) {
    if (!is_count(count)) return false;
  }
  for (size_t i = 0; i < edges.size(); ++i) {
    if (!is_finite(edges[i])) return false;
    if (i > 0 && edges[i - 1].get<double>() >= edges[i].get<double>()) return false;
  }
  return true;
}
bool is_signatures(const json& value) {
  if (!value.is_array()) return false;
  return std::all_of(value.begin(), value.end(), [](const json& signature) {
    return is_name(field(signature, "name")) && is_bool_or_null(field(signature, "present")) &&
           is_text(field(signature, "sentence"));
  });
}

bool is_exhibits(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& path) {
           return path.is_string() && is_exhibit_path(path.get_ref<const std::string&>());
         });
}
bool is_sides(const json& value) {
  return value.is_array() && value.size() == 2 && is_count(value[0]) && is_count(value[1]) &&
         value[0] > 0 && value[1] > 0;
}
bool is_orders(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& order) {
           if (!order.is_array()) return false;
           std::set<int64_t> positions;
           for (const json& position : order) {
             if (!is_count(position) || position >= order.size()) return false;
             positions.insert(position.get<int64_t>());
           }
           return positions.size() == order.size();
         });
}

void check_context(Checker& check, const json& results) {
  if (!check.require(results, "", "context", is_object, "an object")) return;
  const json& context = results["context"];
  for (const char* key : {"commit", "device"})
    check.require(context, "context", key, is_text, "a string");
  check.require(context, "context", "instruction_sets", is_array, "an array of strings");
  // Null where the system does not tell.
  check.require(context, "context", "processor", is_text_or_null,
                "a string, or null where unknown");
  check.require(context, "context", "tree_clean", is_bool_or_null,
                "true, false, or null where unknown");
  check.require(context, "context", "threads", is_count_or_null,
                "an integer >= 0, or null where unknown");
  if (!check.require(context, "context", "versions", is_object, "an object")) return;
  for (const char* key : {"oar_bench", "libtorch", "opencv", "compiler"}) {
    check.require(context["versions"], "context.versions", key, is_text, "a string");
  }
}

void check_metric(Checker& check, const std::string& where, const json& metric) {
  if (!metric.is_object()) return check.problem(where, metric, "an object");
  check.require(metric, where, "metric", is_name, "a registry name");
  check.require(metric, where, "name", is_name, "a name for readers");
  check.require(metric, where, "value", is_finite_or_null,
                "a finite number, or null where the metric gave none");
  check.require(metric, where, "higher_is_better", is_bool_or_null,
                "true, false, or null where neither is better");
  check.require(metric, where, "version", is_count, "an integer >= 0");
  check.allow(metric, where, "stddev", is_finite, "a finite number or null");
  check.allow(metric, where, "num_generated", is_count, "an integer >= 0");
  check.allow(metric, where, "num_reference", is_count, "an integer >= 0");
  check.allow(metric, where, "weights_sha256", is_sha256, "64 lower-case hex digits");
  check.allow(metric, where, "unit", is_text, "a string");
  check.allow(metric, where, "peeks", is_bool, "true or false");
  // A number out of a feature network means nothing without the network.
  if (field(metric, "extractor").is_null() != field(metric, "weights_sha256").is_null()) {
    check.problems.push_back(where +
                             ": extractor and weights_sha256 come together; found one of them");
  }
}

/// What names a folder of the store: nothing in it may lead to another.
bool is_folder_name(const json& value) {
  if (!is_name(value)) return false;
  const std::string& name = value.get_ref<const std::string&>();
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

void check_stage(Checker& check, const std::string& where, const json& stage) {
  if (!stage.is_object()) return check.problem(where, stage, "an object");
  check.require(stage, where, "role", is_name, "a name");
  for (const char* key : {"stage", "key"}) {
    check.require(stage, where, key, is_folder_name, "letters, digits, _ and - only");
  }
  check.require(stage, where, "cached", is_bool, "true or false");
  check.require(stage, where, "seconds", is_seconds, "a finite number >= 0");
  check.require(stage, where, "record", is_object, "an object");
}

void check_parts(Checker& check, const std::string& where, const json& cell) {
  if (check.require(cell, where, "stages", is_array, "an array")) {
    for (size_t i = 0; i < cell["stages"].size(); ++i) {
      check_stage(check, fmt::format("{}.stages[{}]", where, i), cell["stages"][i]);
    }
  }
  if (check.require(cell, where, "metrics", is_array, "an array")) {
    std::set<std::string> names;
    for (size_t i = 0; i < cell["metrics"].size(); ++i) {
      const std::string at = fmt::format("{}.metrics[{}]", where, i);
      check_metric(check, at, cell["metrics"][i]);
      const std::string name = text(field(cell["metrics"][i], "name"));
      if (!name.empty() && !names.insert(name).second) {
        check.problem(at + ".name", cell["metrics"][i]["name"],
                      "a name that no other metric of the cell has");
      }
    }
  }
  const json& statistics = field(cell, "order_statistics");
  if (statistics.is_null()) return;
  const std::string at = where + ".order_statistics";
  if (!statistics.is_object()) return check.problem(at, statistics, "an object");
  check.require(statistics, at, "peeks", is_bool, "true or false");
  check.require(statistics, at, "draws_before_choosing", is_bool, "true or false");
  check.allow(statistics, at, "histogram", is_histogram,
              "rising edges, and one count fewer than edges");
  for (const char* key : {"mean_step_of", "stddev_step_of"}) {
    check.allow(statistics, at, key, is_grid, "rows of equal length with finite numbers");
  }
  check.allow(statistics, at, "signatures", is_signatures,
              "objects with a name, present (true, false or null) and a sentence");
}

/// What lies beside the file for pictures.
void check_exhibits(Checker& check, const std::string& where, const json& cell) {
  constexpr std::string_view kPaths = "paths such as \"exhibits/0123456789ab/000.png\"";
  const auto part = [&](const char* name) -> const json& {
    check.allow(cell, where, name, is_object, "an object");
    return field(cell, name);
  };
  const json& samples = part("samples");
  check.allow(samples, where + ".samples", "grid", is_sides, "[rows, cols]");
  check.allow(samples, where + ".samples", "images", is_exhibits, kPaths);
  check.allow(samples, where + ".samples", "position_at", is_orders, "lists of every patch once");
  check.allow(samples, where + ".samples", "conditions", is_array, "an array");
  check.allow(samples, where + ".samples", "draws_before_choosing", is_bool, "true or false");
  const json& shown = part("reconstructions");
  for (const char* key : {"originals", "reconstructed"}) {
    check.allow(shown, where + ".reconstructions", key, is_exhibits, kPaths);
  }
}

void check_cell(Checker& check, const std::string& where, const json& cell) {
  if (!cell.is_object()) return check.problem(where, cell, "an object");
  check.require(cell, where, "labels", is_object, "an object");
  check.require(cell, where, "seed", is_integer, "an integer");
  check.require(cell, where, "recipe", is_object, "an object");
  if (check.require(cell, where, "status", is_status, "done, failed, diverged, interrupted") &&
      cell["status"] != "done") {
    check.require(cell, where, "error", is_name, "the reason, as the cell is not done");
  }
  check_parts(check, where, cell);
  check_exhibits(check, where, cell);
}

}  // namespace

std::vector<std::string> validate_results(const json& results) {
  Checker check;
  if (!results.is_object()) {
    check.problem("results", results, "an object");
    return check.problems;
  }
  check.require(results, "", "schema_version", is_schema_version, "1");
  check.require(results, "", "name", is_name, "the name of the sweep");
  check.require(results, "", "created", is_instant,
                "a time in UTC such as \"2026-01-01T00:00:00Z\"");
  check_context(check, results);
  if (check.require(results, "", "report", is_object, "an object")) {
    check.require(results["report"], "report", "rows", is_name, "a label of the cells");
    check.allow(results["report"], "report", "columns", is_name, "a label of the cells, or null");
  }
  if (!check.require(results, "", "cells", is_array, "an array")) return check.problems;
  std::set<std::string> ids;
  for (size_t i = 0; i < results["cells"].size(); ++i) {
    const json& cell = results["cells"][i];
    const std::string where = fmt::format("cells[{}]", i);
    check_cell(check, where, cell);
    if (cell.is_object() && check.require(cell, where, "id", is_name, "a name") &&
        !ids.insert(text(cell["id"])).second) {
      check.problem(where + ".id", cell["id"], "a name that no other cell has");
    }
  }
  return check.problems;
}

}  // namespace oar
