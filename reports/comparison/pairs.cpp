#include "reports/comparison/pairs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "reports/fields.h"
#include "reports/settings.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;
using report::field;
using report::items;
using report::number;
using report::text;

bool is_done(const json& cell) { return text(field(cell, "status")) == "done"; }

bool is_likelihood(const std::string& metric) { return metric.starts_with("nats_per_image"); }

std::string name_of(const json& metric) {
  const std::string name = text(field(metric, "name"));
  return name.empty() ? text(field(metric, "metric")) : name;
}

/// The keys of what a number was computed from; empty where the record does not say.
std::string artifacts_of(const json& cell, const std::string& metric) {
  const auto key = [&](const char* stage) {
    return text(field(report::last_stage(cell, stage), "key"));
  };
  if (metric.starts_with("tokenizer_")) return key("tokenizer");
  if (is_likelihood(metric)) {
    const std::string specialist = key("specialist");
    return specialist.empty() ? key("any_order") : specialist;
  }
  std::string keys;
  for (const json& stage : items(cell, "stages")) {
    keys += text(field(stage, "role")) + "=" + text(field(stage, "key")) + " ";
  }
  return keys;
}

std::string labels_and_seed(const json& labels, const json& cell) {
  return text(labels) + "/" + text(field(cell, "seed"));
}

std::string shown(const json& value) {
  constexpr size_t kShown = 60;
  if (value.is_null()) return "none";
  return report::shorten(report::one_line(text(value)), kShown);
}

/// "num_generated: 500 against 1000", for each member that differs.
std::vector<std::string> differences(const json& base, const json& now) {
  std::set<std::string> keys;
  for (const json* settings : {&base, &now}) {
    for (const auto& [key, value] : settings->items()) keys.insert(key);
  }
  std::vector<std::string> found;
  for (const std::string& key : keys) {
    const json& before = field(base, key);
    const json& after = field(now, key);
    if (before != after)
      found.push_back(fmt::format("{}: {} against {}", key, shown(before), shown(after)));
  }
  return found;
}

/// The other number of `metric`: that of the same name, else of the same metric under another name.
const json* counterpart(const json& metric, const json& cell) {
  const json* found = nullptr;
  for (const json& other : items(cell, "metrics")) {
    if (text(field(other, "metric")) != text(field(metric, "metric"))) continue;
    if (name_of(other) == name_of(metric)) return &other;
    if (found == nullptr) found = &other;
  }
  return found;
}

bool has_number(const json& metric) {
  const auto value = number(field(metric, "value"));
  return value && std::isfinite(*value);
}

/// Collects the numbers of pairs of cells.
class Pairer {
 public:
  /// `base` is null where the other record has no such cell.
  void add(const std::string& row, const json& base, const json& now) {
    // The base tells what there is to lose; a number that the newer cell has alone tells nothing.
    if (!is_done(base)) return;
    for (const json& metric : items(base, "metrics")) {
      if (!metric.is_object()) continue;
      if (&base != &now && !has_number(metric)) continue;
      const json* const other = is_done(now) ? counterpart(metric, now) : nullptr;
      add_pair(find(row, metric, other), base, metric, now, other);
    }
  }

  /// A cell of `row` that did not end, where there is nothing to pair it with.
  void lose(const std::string& row, const json& cell) {
    for (Found& found : found_) {
      if (found.numbers.rows.front() != row) continue;
      found.numbers.lost.push_back(lost_seed(cell));
    }
  }

  std::vector<PairedNumbers> by_row() && {
    std::vector<PairedNumbers> rows;
    for (Found& found : found_) rows.push_back(std::move(found.numbers));
    return rows;
  }

  /// Rows whose numbers come from the same artifacts are one comparison.
  std::vector<PairedNumbers> joined() && {
    std::vector<PairedNumbers> joined;
    std::map<std::string, size_t> place_of;
    for (auto& [numbers, artifacts] : found_) {
      std::string key;
      for (const std::string& artifact : artifacts) key += artifact + "\n";
      key += fmt::format("{}\n{}\n{}", numbers.name, fmt::join(numbers.lost, "\n"),
                         fmt::join(numbers.refusals, "\n"));
      const bool known = !artifacts.empty() && *artifacts.begin() != kUnknown;
      const auto [place, is_new] =
          known ? place_of.try_emplace(key, joined.size()) : std::pair{place_of.end(), true};
      if (is_new) {
        joined.push_back(std::move(numbers));
      } else {
        joined[place->second].rows.push_back(numbers.rows.front());
      }
    }
    return joined;
  }

 private:
  struct Found {
    PairedNumbers numbers;
    std::set<std::string> artifacts;  ///< of both sides of each pair
  };
  static constexpr char kUnknown[] = "";

  Found& find(const std::string& row, const json& metric, const json* other) {
    const json& shown = other != nullptr ? *other : metric;
    const std::string key = row + "\n" + name_of(metric);
    const auto [place, is_new] = index_.try_emplace(key, found_.size());
    if (is_new) {
      PairedNumbers numbers;
      numbers.rows = {row};
      numbers.metric = text(field(metric, "metric"));
      numbers.name = name_of(shown);
      numbers.unit = text(field(shown, "unit"));
      const json& better = field(shown, "higher_is_better");
      if (better.is_boolean()) numbers.higher_is_better = better.get<bool>();
      found_.push_back({std::move(numbers), {}});
    }
    return found_[place->second];
  }

  void add_pair(Found& found, const json& base_cell, const json& base, const json& now_cell,
                const json* now) {
    PairedNumbers& numbers = found.numbers;
    const auto before = number(field(base, "value"));
    if (!has_number(base)) {  // of a record by itself: it is missed
      numbers.lost.push_back(seed_of(now_cell) + " is not finite");
      return;
    }
    if (now == nullptr) {
      numbers.lost.push_back(lost_seed(now_cell));
      return;
    }
    json settings = comparable_settings(now_cell, *now);
    refuse(numbers, differences(comparable_settings(base_cell, base), settings));
    if (numbers.settings.is_null()) numbers.settings = std::move(settings);
    if (field(base, "higher_is_better") != field(*now, "higher_is_better")) {
      refuse(numbers, {"which way is better"});
    }
    const auto after = number(field(*now, "value"));
    if (!after || !std::isfinite(*after)) {
      numbers.lost.push_back(seed_of(now_cell) + " is not finite");
      return;
    }
    const std::string base_key = artifacts_of(base_cell, numbers.metric);
    const std::string now_key = artifacts_of(now_cell, numbers.metric);
    const bool known = !base_key.empty() && !now_key.empty();
    const bool is_new =
        found.artifacts.insert(known ? base_key + " -> " + now_key : kUnknown).second;
    if (known && !is_new) return;  // the seeds share what was measured
    numbers.pairs.push_back({*before, *after, known && base_key == now_key});
  }

  static std::string seed_of(const json& cell) { return "seed " + shown(field(cell, "seed")); }

  static std::string lost_seed(const json& cell) {
    const std::string status = report::one_line(text(field(cell, "status")));
    return seed_of(cell) + " " + (is_done(cell) ? "has no such number" : status);
  }

  static void refuse(PairedNumbers& numbers, const std::vector<std::string>& reasons) {
    for (const std::string& reason : reasons) {
      const auto end = numbers.refusals.end();
      if (std::find(numbers.refusals.begin(), end, reason) == end)
        numbers.refusals.push_back(reason);
    }
  }

  std::vector<Found> found_;
  std::map<std::string, size_t> index_;  ///< row and name -> place in found_
};

double mean_of(const std::vector<NumberPair>& pairs, double NumberPair::*side) {
  double mean = 0.0;
  double n = 0.0;
  for (const NumberPair& pair : pairs) mean += (pair.*side - mean) / ++n;
  return mean;
}

const json& labels_of(const json& cell) { return field(cell, "labels"); }

bool has_labels(const json& cell, const json& wanted) {
  const auto members = wanted.items();
  return std::all_of(members.begin(), members.end(), [&](const auto& member) {
    return field(labels_of(cell), member.key()) == member.value();
  });
}

/// The cells of the sweep's baseline, to be asked for the partner of a cell.
class OwnBaseline {
 public:
  explicit OwnBaseline(const json& results) : wanted_(field(results, "baseline")) {
    if (!wanted_.is_object() || wanted_.empty()) {
      throw std::invalid_argument(
          "this record's sweep names no baseline; name a stored record with --baseline, or add "
          "\"baseline\": {\"recipe\": ...} to the sweep and run it again");
    }
    for (const json& cell : items(results, "cells")) {
      if (!holds(cell)) continue;
      cells_.emplace(labels_and_seed(labels_of(cell), cell), &cell);
      rows_.insert(text(labels_of(cell)));
    }
  }

  bool holds(const json& cell) const { return has_labels(cell, wanted_); }

  const json* partner_of(const json& cell) const {
    json labels = labels_of(cell);
    if (labels.is_object()) labels.update(wanted_);
    auto found = cells_.find(labels_and_seed(labels, cell));
    if (found == cells_.end() && rows_.size() == 1) {
      found = cells_.find(*rows_.begin() + "/" + text(field(cell, "seed")));
    }
    return found == cells_.end() ? nullptr : found->second;
  }

 private:
  const json& wanted_;
  std::map<std::string, const json*> cells_;
  std::set<std::string> rows_;
};

/// Calls `visit` for every cell with the name of its row, row by row.
void for_each_cell(const json& results,
                   const std::function<void(const std::string& row, const json& cell)>& visit) {
  for (const report::Group& group : report::layout_of(results).groups) {
    for (const json* cell : group.cells) visit(report::one_line(group.name), *cell);
  }
}

Pairer paired_with_itself(const json& results) {
  Pairer pairer;
  for_each_cell(results,
                [&](const std::string& row, const json& cell) { pairer.add(row, cell, cell); });
  for_each_cell(results, [&](const std::string& row, const json& cell) {
    if (!is_done(cell)) pairer.lose(row, cell);
  });
  return pairer;
}

}  // namespace

double NumberPair::difference() const {
  constexpr double kRounding = 1e-9;
  const double found = now - base;
  return std::abs(found) <= kRounding * std::max(std::abs(now), std::abs(base)) ? 0.0 : found;
}

std::string PairedNumbers::heading() const {
  std::string heading = report::one_line(name);
  if (higher_is_better) heading += *higher_is_better ? " ↑" : " ↓";
  return heading;
}

std::string PairedNumbers::row() const { return fmt::format("{}", fmt::join(rows, ", ")); }

bool PairedNumbers::equal_by_construction() const {
  return !pairs.empty() && all_equal() &&
         std::all_of(pairs.begin(), pairs.end(),
                     [](const NumberPair& pair) { return pair.same_computation; });
}

bool PairedNumbers::all_equal() const {
  return std::all_of(pairs.begin(), pairs.end(),
                     [](const NumberPair& pair) { return pair.difference() == 0.0; });
}

double PairedNumbers::base_mean() const { return mean_of(pairs, &NumberPair::base); }
double PairedNumbers::now_mean() const { return mean_of(pairs, &NumberPair::now); }

PairedResults pair_results(const json& base, const json& now) {
  PairedResults paired;
  std::map<std::string, const json*> base_cells;
  for (const json& cell : items(base, "cells")) {
    base_cells.emplace(labels_and_seed(labels_of(cell), cell), &cell);
  }
  Pairer pairer;
  std::set<const json*> used;
  for_each_cell(now, [&](const std::string& row, const json& cell) {
    const auto found = base_cells.find(labels_and_seed(labels_of(cell), cell));
    if (found == base_cells.end()) {
      paired.only_in_now.push_back(report::one_line(text(field(cell, "id"))));
      return;
    }
    used.insert(found->second);
    pairer.add(row, *found->second, cell);
  });
  for (const json& cell : items(base, "cells")) {
    if (!used.contains(&cell))
      paired.only_in_base.push_back(report::one_line(text(field(cell, "id"))));
  }
  paired.numbers = std::move(pairer).joined();
  return paired;
}

PairedResults pair_with_own_baseline(const json& results) {
  const OwnBaseline baseline(results);
  PairedResults paired;
  Pairer pairer;
  for_each_cell(results, [&](const std::string& row, const json& cell) {
    if (baseline.holds(cell)) return;
    const json* const partner = baseline.partner_of(cell);
    if (partner == nullptr) {
      paired.only_in_now.push_back(report::one_line(text(field(cell, "id"))));
    } else {
      pairer.add(row, *partner, cell);
    }
  });
  paired.numbers = std::move(pairer).joined();
  return paired;
}

PairedResults pair_with_itself(const json& results) {
  return {paired_with_itself(results).joined(), {}, {}};
}

std::vector<PairedNumbers> numbers_by_row(const json& results) {
  return paired_with_itself(results).by_row();
}

json comparable_settings(const json& cell, const json& metric) {
  json settings = report::settings_of(cell, metric);
  if (!field(metric, "peeks").is_null()) settings["peeks"] = field(metric, "peeks");
  const json& data = field(field(report::last_stage(cell, "dataset"), "record"), "sha256");
  if (!data.is_null()) settings["dataset.sha256"] = data;
  const json& recipe = field(cell, "recipe");
  const std::string name = text(field(metric, "metric"));
  const json& tokenizer = field(recipe, "tokenizer");
  if (is_likelihood(name) && report::codes_text(recipe).empty() && tokenizer.is_object()) {
    for (const auto& [key, value] : tokenizer.items()) settings["tokenizer." + key] = value;
  }
  return settings;
}

}  // namespace oar
