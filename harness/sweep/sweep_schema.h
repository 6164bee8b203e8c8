#pragma once

#include <string>

#include "harness/sweep/recipe_options.h"

namespace oar {

/// The JSON Schema of sweep files, made from recipe_options() and the registries, for editors that
/// complete and check while somebody types. It is shipped as sweeps/sweep.schema.json.
///
/// What it accepts, parse_sweep may still refuse: options that contradict each other, an option
/// given twice, an `exclude` that drops nothing, labels and recipes that are not there. What it
/// refuses, parse_sweep refuses too.
///
/// Source  json-schema.org, draft 2020-12.
std::string sweep_schema(const KnownNames& known);

}  // namespace oar
