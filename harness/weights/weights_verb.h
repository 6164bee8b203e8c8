#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "harness/weights/fetch.h"
#include "harness/weights/known_weights.h"

namespace CLI {
class App;
}

namespace oar {

/// What `oar-bench weights` was asked to do. The table of known files is a field so that tests need
/// no file of a gigabyte.
struct WeightsOptions {
  int (*action)(const WeightsOptions&, std::ostream& out) = nullptr;  ///< one of those below
  std::filesystem::path folder;  ///< --weights-dir; empty: see weights_folder()
  std::filesystem::path file;    ///< of `verify` and `import`
  std::string name;              ///< of `fetch`; --as of `verify` and `import`
  std::string config;            ///< of `import`: the file is a tokenizer of these sizes
  bool json = false;
  bool quiet = false;
  std::vector<KnownWeights> known = known_weights();
  FetchOptions fetch;
};

/// Adds the verb with its four actions. Parsing a command line fills `options`, which must outlive
/// the app.
CLI::App* add_weights_verb(CLI::App& app, WeightsOptions& options);

/// Runs what was asked, on standard output.
///
/// Errors  what fetch_weights(), inspect_weights() and import_weights() throw.
int run_weights(WeightsOptions options);

/// The actions; each returns the program's exit code.
int run_list(const WeightsOptions& options, std::ostream& out);
int run_verify(const WeightsOptions& options, std::ostream& out);
int run_import(const WeightsOptions& options, std::ostream& out);
int run_fetch(const WeightsOptions& options, std::ostream& out);

}  // namespace oar
