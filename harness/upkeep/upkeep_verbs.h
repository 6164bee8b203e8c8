#pragma once

#include "harness/verb.h"

namespace oar {

/// `gc`, `verify`, `export` and `publish`: what a store and its runs need in the long run.
Verb add_gc_verb(CLI::App& app);
Verb add_verify_verb(CLI::App& app);
Verb add_export_verb(CLI::App& app);
Verb add_publish_verb(CLI::App& app);

}  // namespace oar
