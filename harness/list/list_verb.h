#pragma once

#include <string>
#include <vector>

#include "harness/verb.h"

namespace oar {

/// Adds `oar-bench list [KIND]`: every name that may stand in a sweep.
Verb add_list_verb(CLI::App& app);

/// What `list` can be asked for: datasets, tokenizers, orders, ..., schema.
std::vector<std::string> listed_kinds();

/// The names of one kind with what they mean, a line or more each; or all kinds, each under its
/// name, where `kind` is empty. The JSON Schema of sweeps is printed alone only.
///
/// Errors  std::out_of_range for a kind that is not listed.
std::string list_names(const std::string& kind);

}  // namespace oar
