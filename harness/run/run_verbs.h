#pragma once

#include <vector>

#include "harness/run/run.h"
#include "harness/verb.h"

namespace oar {

/// The options that `run` and whatever plans a sweep share: the sweep, --set, --store, --device,
/// --memory. `options` must outlive the app.
void add_sweep_options(CLI::App& verb, RunOptions& options);

/// `run`, `plan` and `report`.
Verb add_run_verb(CLI::App& app);
Verb add_plan_verb(CLI::App& app);
Verb add_report_verb(CLI::App& app);

}  // namespace oar
