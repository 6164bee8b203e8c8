#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "harness/plan/sweep_outlook.h"

namespace oar {

/// The outlook for people: every stage of the shown cells with its state, why it has to run, and
/// what it will take; a table of stages by kind where there are more cells; then the sums.
std::string plan_text(const Sweep& sweep, const SweepPlan& plan, const SweepOutlook& outlook);

/// The same for programs. `seconds` and `bytes` are null where no like stage has run.
///
///     {"schema_version": 1, "name": ..., "cells_shown": 40,
///      "cells": [{"id": ..., "stages": [{"role", "stage", "key", "state", "note", "shared_with",
///                 "new", "changed": [{"name", "before", "after"}], "seconds", "bytes"}]}],
///      "totals": {"cells", "stages", "uses", "cached", "to_do", "failed", "damaged", "running",
///                 "seconds", "unknown_seconds", "bytes", "unknown_bytes", "free_bytes"}}
nlohmann::json plan_json(const Sweep& sweep, const SweepPlan& plan, const SweepOutlook& outlook);

/// What `oar-bench plan` and `run --dry-run` print.
///
/// Errors  those of outlook_of().
void print_plan(const Sweep& sweep, const SweepPlan& plan, const OutlookOptions& options,
                bool as_json);

}  // namespace oar
