#include "harness/sweep/gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>
#include <utility>

#include "harness/sweep/nearest_name.h"

namespace oar {
namespace {

using nlohmann::json;

const std::string kAccepted =
    "a list of objects: metric, and one or more of max_regression, max, min";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// 0.03 for "3%"; nothing for any other text.
std::optional<double> share(const std::string& text) {
  double percent = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  const bool whole = error == std::errc() && stop + 1 == end && *stop == '%';
  if (!whole || !(percent >= 0)) return std::nullopt;
  return percent / 100;
}

/// Reads one gate after the other.
class GateReader {
 public:
  GateReader(const JsonFile& file, const KnownNames& known, Mistakes& mistakes)
      : file_(file), known_(known), mistakes_(file, mistakes) {}

  void read(const json& value, const std::string& pointer) {
    if (!value.is_object()) {
      mistakes_.wrong(pointer, "a gate", value, "an object: metric, max_regression, max, min");
      return;
    }
    mistakes_.check_keys(value, pointer, {"metric", "max_regression", "max", "min"});
    Gate gate;
    read_metric(value, pointer, gate);
    read_regression(value, pointer, gate);
    gate.max = limit(value, pointer, "max");
    gate.min = limit(value, pointer, "min");
    if (gate.min && gate.max && *gate.min > *gate.max) {
      mistakes_.add(pointer + "/min",
                    fmt::format("min {} is above max {}: no value passes", *gate.min, *gate.max),
                    {"swap them, or leave one out"});
    }
    const bool limited =
        value.contains("max_regression") || value.contains("max") || value.contains("min");
    if (!limited) {
      mistakes_.add(pointer, "this gate sets no limit",
                    {"add one or more of max_regression (\"3%\"), max, min"});
    }
    gates_.push_back(gate);
  }

  std::vector<Gate> gates() && { return std::move(gates_); }

 private:
  void read_metric(const json& value, const std::string& pointer, Gate& gate) {
    const auto metric = value.find("metric");
    if (metric == value.end()) {
      mistakes_.add(pointer, "this gate names no metric", {known_line(known_.metrics)});
      return;
    }
    if (metric->is_string()) gate.metric = *metric;
    const std::string place = pointer + "/metric";
    if (!contains(known_.metrics, gate.metric)) {
      mistakes_.add(place, fmt::format("no metric is called {}", shown(*metric)),
                    {known_line(known_.metrics), did_you_mean(gate.metric, known_.metrics)});
    } else if (!seen_.insert(gate.metric).second) {
      mistakes_.add(place, fmt::format("there are two gates for {}", gate.metric),
                    {"write one, with all of its limits"});
    }
  }

  void read_regression(const json& value, const std::string& pointer, Gate& gate) {
    const auto regression = value.find("max_regression");
    if (regression == value.end()) return;
    const std::string place = pointer + "/max_regression";
    if (regression->is_string()) {
      gate.max_regression = share(regression->get<std::string>());
      gate.relative = true;
    } else if (regression->is_number() && regression->get<double>() >= 0) {
      gate.max_regression = regression->get<double>();
    }
    if (!gate.max_regression) {
      mistakes_.wrong(place, "max_regression", *regression,
                      "a share of the baseline's value, \"3%\"; or a number of the metric's unit, "
                      "at least 0");
    }
    if (contains(known_.undirected_metrics, gate.metric)) {
      mistakes_.add(place,
                    fmt::format("{} has no better direction, so it cannot regress", gate.metric),
                    {"use max or min"});
    }
    if (!file_.value.contains("baseline")) {
      mistakes_.add(place, "a regression needs a baseline, and the sweep names none",
                    {"add \"baseline\": {\"recipe\": ...} at the top, or use max or min"});
    }
  }

  std::optional<double> limit(const json& value, const std::string& pointer,
                              const std::string& key) {
    const auto found = value.find(key);
    if (found == value.end()) return std::nullopt;
    if (found->is_number()) return found->get<double>();
    mistakes_.wrong(pointer + "/" + key, key, *found, "a number of the metric's unit");
    return std::nullopt;
  }

  const JsonFile& file_;
  const KnownNames& known_;
  FileMistakes mistakes_;
  std::set<std::string> seen_;
  std::vector<Gate> gates_;
};

}  // namespace

std::vector<Gate> read_gates(const JsonFile& file, const KnownNames& known, Mistakes& mistakes) {
  const auto gates = file.value.find("gates");
  if (gates == file.value.end()) return {};
  if (!gates->is_array()) {
    FileMistakes(file, mistakes).wrong("/gates", "gates", *gates, kAccepted);
    return {};
  }
  GateReader reader(file, known, mistakes);
  for (std::size_t i = 0; i < gates->size(); ++i) {
    reader.read((*gates)[i], fmt::format("/gates/{}", i));
  }
  return std::move(reader).gates();
}

}  // namespace oar
