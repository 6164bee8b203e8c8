#pragma once

#include "harness/verb.h"

namespace oar {

/// Adds `oar-bench completion bash`: prints a script made from the verbs and options that `app` has
/// when it runs.
Verb add_completion_verb(CLI::App& app);

}  // namespace oar
