#pragma once

#include "harness/verb.h"

namespace oar {

/// `oar-bench submit SWEEP --executor slurm`: a sweep as a job array over one shared store.
Verb add_submit_verb(CLI::App& app);

}  // namespace oar
