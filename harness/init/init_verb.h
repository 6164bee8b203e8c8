#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "harness/sweep/recipe_options.h"
#include "harness/verb.h"

namespace oar {

/// What `oar-bench init` was asked to do.
struct InitOptions {
  std::filesystem::path file = "sweep.json";
  std::string dataset = "sunset";
  std::string root = "";  ///< folder of the data set; empty: data/<dataset>
  bool force = false;     ///< replace a file that is there
};

/// Adds `oar-bench init [FILE] [--dataset NAME] [--root DIR] [--force]`.
Verb add_init_verb(CLI::App& app);

/// Writes the file, and what to do with it to `out`.
///
/// Errors  std::invalid_argument where the file is there already, or as starter_sweep();
///         std::system_error with the path if it cannot be written.
int run_init(const InitOptions& options, const KnownNames& known, std::ostream& out);

}  // namespace oar
