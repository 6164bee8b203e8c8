#include "harness/init/init_verb.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "harness/exit_code.h"
#include "harness/init/starter_sweep.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/json_file.h"
#include "harness/sweep/shell_quote.h"
#include "models/weights/atomic_file.h"

namespace oar {

Verb add_init_verb(CLI::App& app) {
  const auto options = std::make_shared<InitOptions>();
  CLI::App* const verb = app.add_subcommand("init", "write a small sweep to run and to edit");
  verb->add_option("file", options->file, "where to")->capture_default_str();
  verb->add_option("--dataset", options->dataset, "what it is about; see `list datasets`")
      ->capture_default_str();
  verb->add_option("--root", options->root, "folder of the data set; data/<its name> without it");
  verb->add_flag("--force", options->force, "replace a file that is there");
  return {verb, [options] { return run_init(*options, known_names(), std::cout); }};
}

int run_init(const InitOptions& options, const KnownNames& known, std::ostream& out) {
  const std::string file = options.file.string();
  if (!options.force && std::filesystem::exists(options.file)) {
    throw std::invalid_argument(fmt::format(
        "{} is there already; name another file, or replace it with --force", shown(file)));
  }
  const std::string text = starter_sweep(
      {.name = options.file.stem().string(), .dataset = options.dataset, .root = options.root},
      known);
  write_file_atomically(options.file, text);
  const auto& generated = known.generated_datasets;
  const bool needs_files =
      std::find(generated.begin(), generated.end(), options.dataset) == generated.end();
  fmt::print(out, "Wrote {}: raster order against oar, on {}.\n", shown(file), options.dataset);
  if (needs_files && options.root.empty()) {
    fmt::print(out, "It reads data/{}: put your copy there, or edit dataset.root.\n",
               options.dataset);
  }
  fmt::print(out,
             "Next:\n"
             "  oar-bench plan {0}    what would run\n"
             "  oar-bench run {0}     runs it, and reports to runs/; a few minutes on two cores\n"
             "  oar-bench list options    what else a sweep may say\n"
             "  oar-bench list schema > sweep.schema.json    for editors; name it in \"$schema\"\n",
             quote(file));
  return kAllDone;
}

}  // namespace oar
