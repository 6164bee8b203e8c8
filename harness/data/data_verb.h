#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

#include "harness/data/dataset_choice.h"
#include "harness/store/progress.h"
#include "harness/verb.h"

namespace oar {

/// What `oar-bench data` was asked to do.
struct DataCommand {
  DatasetWish wish;
  std::string name;           ///< list: this data set only; empty: all
  std::filesystem::path out;  ///< check: a list of the files to remove; empty: none
  int64_t threads = 0;        ///< check: that decode; 0: one per processor
  int64_t tiny = 32;          ///< check: pixels, see find_faults()
  bool all = false;           ///< check: every name, not the first of each kind
  bool json = false, quiet = false;
};

/// Adds the verb `data` with its actions `list`, `check` and `stats`.
Verb add_data_verb(CLI::App& app);

/// Every data set: what it is, its files, where it comes from, its licence.
///
/// Errors  std::invalid_argument with the known names for another one.
int run_data_list(const DataCommand& command, std::ostream& out);

/// Scans a data set as a sweep would, decodes every image at full size and prints what is wrong.
///
/// Returns 0, or 65 if images are broken or leaked from the training images into those held out:
/// such a run would leave images out, or flatter itself. All else is a warning.
/// Errors  those of choose_dataset() and make_dataset(); Interrupted.
int run_data_check(const DataCommand& command, ProgressOptions progress, std::ostream& out);

/// Scans a data set as a sweep would, loads every square and prints what there is.
///
/// Errors  as above.
int run_data_stats(const DataCommand& command, ProgressOptions progress, std::ostream& out);

}  // namespace oar
