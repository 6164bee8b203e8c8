#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "harness/verb.h"
#include "reports/comparison/comparison.h"

namespace oar {

/// What `oar-bench compare` was asked.
struct CompareCommand {
  std::filesystem::path base, now;  ///< folders of runs, or their results.json
  std::string metric = {};          ///< empty: all
  double level = 0.05;
  std::vector<std::string> tolerance = {};  ///< "fid=3%"; beside those of the newer record's gates
  bool json = false;
};

/// What `oar-bench gate` was asked.
struct GateCommand {
  std::filesystem::path run;
  std::filesystem::path baseline = {};              ///< empty: the sweep's own
  std::filesystem::path junit = {}, markdown = {};  ///< files to write; empty: none
  std::filesystem::path save_baseline = {};         ///< written instead of checking anything
  double level = 0.05;
  bool json = false, github = false;
};

/// Adds `oar-bench compare BASE NEW`: is a record better or worse than another?
Verb add_compare_verb(CLI::App& app);

/// Adds `oar-bench gate RUN`: does a record keep to the limits that its sweep sets?
Verb add_gate_verb(CLI::App& app);

/// Prints the comparison. Returns kRegression if a metric is worse, else kUndecided if one cannot
/// be decided or may not be compared, else kAllDone.
///
/// Errors  std::invalid_argument for options that do not fit the records; BadData for what is no
///         record; std::system_error for what cannot be read or written.
int run_compare(const CompareCommand& command, std::ostream& out);

/// Prints the verdicts of all gates and writes the files asked for; or, with `save_baseline`,
/// writes the record itself, shortened, for later gates to compare with. Returns kRegression,
/// kUndecided or kAllDone; errors as run_compare.
int run_gate(const GateCommand& command, std::ostream& out);

/// "fid=3%", "kid=0.002" as a metric and a tolerance.
///
/// Errors  std::invalid_argument for any other text.
std::pair<std::string, Tolerance> tolerance_from_text(const std::string& text);

}  // namespace oar
