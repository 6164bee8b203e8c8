#include "harness/plan/print_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/store/byte_text.h"
#include "harness/store/progress.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kNamedDifferences = 3;

std::string shown_value(const json& value) {
  if (value.is_null()) return "(none)";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  return text.size() > 40 ? text.substr(0, 37) + "..." : text;
}

std::string shown_difference(const Difference& difference) {
  if (difference.before.is_null() && difference.after.is_null()) return difference.name;
  return fmt::format("{} {} -> {}", difference.name, shown_value(difference.before),
                     shown_value(difference.after));
}

/// "changed: train.images_seen 80000 -> 1000; input model".
std::string reason_of(const StageOutlook& stage) {
  if (stage.is_new) return "new";
  std::string text;
  const size_t named = std::min(kNamedDifferences, stage.changed.size());
  for (size_t i = 0; i < named; ++i) {
    text += (i == 0 ? "changed: " : "; ") + shown_difference(stage.changed[i]);
  }
  if (stage.changed.size() > named) text += fmt::format("; {} more", stage.changed.size() - named);
  return text;
}

std::string remark_of(const StageOutlook& stage) {
  switch (stage.state) {
    case StageState::kCached:
      return "";
    case StageState::kRunning:
      return "in " + stage.note;
    case StageState::kDamaged:
      return stage.note + "; it is made again";
    case StageState::kFailed:
      return fmt::format("the last time: {}; it is tried again",
                         stage.note.substr(0, stage.note.find('\n')));
    case StageState::kToDo:
      return (stage.begun ? "begun, is continued; " : "") + reason_of(stage);
  }
  return "";
}

std::string cell_text(const Sweep& sweep, const SweepPlan& plan, const SweepOutlook& outlook,
                      size_t cell) {
  std::string text = sweep.cells[cell].id + "\n";
  for (const auto& [role, number] : plan.cells[cell]) {
    const StageOutlook& stage = outlook.stages[number];
    std::string line =
        fmt::format("  {:<20} {}  {:<8}", role, plan.stages[number].node.key.substr(0, 12),
                    name_of(stage.state));
    if (stage.state != StageState::kCached && stage.first_cell != cell) {
      line += "  shared with " + sweep.cells[stage.first_cell].id;
    } else {
      if (const std::string remark = remark_of(stage); !remark.empty()) line += "  " + remark;
      if (stage.seconds) line += fmt::format(", about {}", duration_text(*stage.seconds));
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

/// Stages by kind, for sweeps whose cells are too many to be read.
std::string kinds_text(const SweepPlan& plan, const SweepOutlook& outlook) {
  struct Kind {
    size_t stages = 0, cached = 0, unknown = 0;
    double seconds = 0;
  };
  std::vector<std::string> order;
  std::map<std::string, Kind> kinds;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const std::string& name = plan.stages[i].node.stage;
    if (!kinds.contains(name)) order.push_back(name);
    Kind& kind = kinds[name];
    const StageOutlook& stage = outlook.stages[i];
    ++kind.stages;
    if (stage.state == StageState::kCached) {
      ++kind.cached;
    } else {
      kind.seconds += stage.seconds.value_or(0);
      kind.unknown += !stage.seconds;
    }
  }
  std::string text = fmt::format("  {:<20} {:>9} {:>9} {:>9}  {}\n", "stage", "different", "cached",
                                 "to do", "time");
  for (const std::string& name : order) {
    const Kind& kind = kinds[name];
    const size_t to_do = kind.stages - kind.cached;
    const std::string time = to_do == 0              ? ""
                             : kind.unknown == to_do ? "unknown"
                                                     : "about " + duration_text(kind.seconds);
    text +=
        fmt::format("  {:<20} {:>9} {:>9} {:>9}  {}", name, kind.stages, kind.cached, to_do, time);
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  return text;
}

/// "about 1h05m", "at least 1h05m (3 stages have never run here)".
std::string sum_text(const std::string& sum, size_t unknown, size_t of) {
  if (unknown == 0) return "about " + sum;
  if (unknown == of) return "unknown: no stage like these has run in this store";
  return fmt::format("at least {}: {} of the stages have none like them in this store", sum,
                     unknown);
}

std::string totals_text(const SweepPlan& plan, const SweepOutlook& outlook) {
  const OutlookTotals totals = totals_of(plan, outlook);
  std::string text = fmt::format("{} cells, {} different stages: {} cached, {} to do", totals.cells,
                                 totals.stages, totals.cached, totals.to_do);
  const auto add = [&](size_t count, const char* words) {
    if (count > 0) text += fmt::format(", {} of them {}", count, words);
  };
  add(totals.damaged, "damaged");
  add(totals.failed, "failed before");
  add(totals.running, "at work in another process");
  text += fmt::format("\nsharing: the cells use {} stages, {} of them made for another cell\n",
                      totals.uses, totals.uses - totals.stages);
  if (totals.to_do > 0) {
    text += fmt::format("time: {}\n", sum_text(duration_text(totals.seconds),
                                               totals.unknown_seconds, totals.to_do));
    text += fmt::format("space: {}",
                        sum_text(byte_text(totals.bytes), totals.unknown_bytes, totals.to_do));
    if (outlook.free_bytes >= 0) {
      text += fmt::format("; {} free", byte_text(static_cast<double>(outlook.free_bytes)));
    }
    text += "\n";
    if (outlook.free_bytes >= 0 && totals.bytes > static_cast<double>(outlook.free_bytes)) {
      text +=
          "warning: the store's disk will be full before the end; free space with `oar-bench gc`, "
          "or name a store on another disk (--store)\n";
    }
  }
  return text;
}

json number_or_null(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

std::string plan_text(const Sweep& sweep, const SweepPlan& plan, const SweepOutlook& outlook) {
  std::string text;
  if (outlook.shown == plan.cells.size()) {
    for (size_t i = 0; i < plan.cells.size(); ++i) text += cell_text(sweep, plan, outlook, i);
  } else {
    text += kinds_text(plan, outlook) +
            "--all shows every cell; artifacts of those beyond the first " +
            std::to_string(outlook.shown) + " are known by their names, not opened\n";
  }
  return text + totals_text(plan, outlook);
}

json plan_json(const Sweep& sweep, const SweepPlan& plan, const SweepOutlook& outlook) {
  json cells = json::array();
  for (size_t i = 0; i < outlook.shown; ++i) {
    json stages = json::array();
    for (const auto& [role, number] : plan.cells[i]) {
      const StageOutlook& stage = outlook.stages[number];
      json changed = json::array();
      for (const Difference& difference : stage.changed) {
        changed.push_back({{"name", difference.name},
                           {"before", difference.before},
                           {"after", difference.after}});
      }
      const bool is_shared = stage.first_cell != i;
      stages.push_back(
          {{"role", role},
           {"stage", plan.stages[number].node.stage},
           {"key", plan.stages[number].node.key},
           {"state", name_of(stage.state)},
           {"note", stage.note},
           {"shared_with", is_shared ? json(sweep.cells[stage.first_cell].id) : json(nullptr)},
           {"new", stage.state != StageState::kCached && stage.is_new},
           {"changed", std::move(changed)},
           {"seconds", number_or_null(stage.seconds)},
           {"bytes", number_or_null(stage.bytes)}});
    }
    cells.push_back({{"id", sweep.cells[i].id}, {"stages", std::move(stages)}});
  }
  const OutlookTotals totals = totals_of(plan, outlook);
  return {{"schema_version", 1},
          {"name", sweep.name},
          {"cells_shown", outlook.shown},
          {"cells", std::move(cells)},
          {"totals",
           {{"cells", totals.cells},
            {"stages", totals.stages},
            {"uses", totals.uses},
            {"cached", totals.cached},
            {"to_do", totals.to_do},
            {"failed", totals.failed},
            {"damaged", totals.damaged},
            {"running", totals.running},
            {"seconds", totals.seconds},
            {"unknown_seconds", totals.unknown_seconds},
            {"bytes", totals.bytes},
            {"unknown_bytes", totals.unknown_bytes},
            {"free_bytes", outlook.free_bytes < 0 ? json(nullptr) : json(outlook.free_bytes)}}}};
}

void print_plan(const Sweep& sweep, const SweepPlan& plan, const OutlookOptions& options,
                bool as_json) {
  const SweepOutlook outlook = outlook_of(sweep, plan, options);
  fmt::print("{}", as_json ? plan_json(sweep, plan, outlook).dump(2) + "\n"
                           : plan_text(sweep, plan, outlook));
}

}  // namespace oar
