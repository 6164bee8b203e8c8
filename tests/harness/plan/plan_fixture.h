#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "harness/plan/sweep_outlook.h"
#include "harness/stages/pipeline.h"
#include "harness/store/store.h"
#include "harness/sweep/sweep.h"
#include "tests/harness/store/store_fixture.h"

namespace oar {

/// Two recipes over planted codes, two seeds. Nothing of it is trained here.
inline constexpr char kTwoRecipes[] = R"({
  "version": 1, "name": "two",
  "defaults": {"dataset": {"name": "planted_path", "max_images": 100},
               "model": {"preset": "nano"}, "train": {"images_seen": 80000}},
  "recipes": {"raster": {"train.order": "raster", "relabel": null, "generate.order": "raster"},
              "oar_finetuned": {"relabel": {}}},
  "seeds": [0, 1]})";

/// A planned sweep and a store whose artifacts are made without computing anything.
class PlanTest : public StoreTest {
 protected:
  struct Planned {
    Sweep sweep;
    SweepPlan plan;
  };
  static Planned planned(const std::string& text, const std::vector<std::string>& set = {}) {
    Sweep sweep = parse_sweep(text, "sweep.json", set, known_names());
    SweepPlan plan = plan_sweep(sweep.cells, {});
    return {std::move(sweep), std::move(plan)};
  }

  /// An artifact that took `seconds` and holds `bytes` bytes.
  void make(const StageNode& node, double seconds, size_t bytes) const {
    const Store store = this->store();
    if (store.complete(node)) return;
    store.open_work(node);
    write(store.work(node) / "made.bin", std::string(bytes, 'x'));
    store.finish(node, {{{"stage", node.stage}}, {seconds, seconds, 0, 1}, {}});
  }
  /// All of a plan, at a second and ten bytes each.
  void make_all(const SweepPlan& plan) const {
    for (const PlannedStage& stage : plan.stages) make(stage.node, 1, 10);
  }

  OutlookOptions options() const {
    OutlookOptions options;
    options.store = root_ / "store";
    options.out = root_ / "out";
    return options;
  }
  SweepOutlook outlook(const Planned& planned) const {
    return outlook_of(planned.sweep, planned.plan, options());
  }

  /// What `role` of cell number `cell` is in the plan.
  static size_t stage_of(const SweepPlan& plan, size_t cell, const std::string& role) {
    for (const auto& [name, stage] : plan.cells.at(cell)) {
      if (name == role) return stage;
    }
    throw std::out_of_range(role);
  }
};

}  // namespace oar
