#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "harness/edit/edit_image.h"

namespace CLI {
class App;
}

namespace oar {

/// What `oar-bench inpaint` or `oar-bench outpaint` was asked to do.
struct EditCommand {
  int (*action)(const EditCommand&, std::ostream& out) = nullptr;  ///< one of those below
  std::filesystem::path image;
  std::filesystem::path mask;  ///< of inpaint
  std::vector<int64_t> at;     ///< of outpaint: row and column; empty: the middle
  int64_t scale = 0;           ///< of outpaint: patches a side; 0: half the grid

  std::filesystem::path run;  ///< folder of a results.json
  std::string cell;           ///< see open_finished_cell()
  std::filesystem::path store = "store";
  std::string model = "any_order";   ///< role in the cell, or `final`: the one fine-tuned last
  std::filesystem::path order_file;  ///< of the order `from_file`
  std::string confidence = "max_probability";
  std::string distance = "euclidean";
  std::string label;    ///< name of a class; empty: none
  std::string caption;  ///< empty: none
  EditOptions
      options;  ///< the rest; order.given, confidence and condition are filled in from above

  std::string memory = "2GiB";
  std::string device = "auto";
  std::filesystem::path out;  ///< empty: inpaint-<name of the image>, outpaint-<...>
  bool force = false;         ///< replace an edit that is there
  bool quiet = false;

  EditCommand() { options.order.name = "oar"; }
};

/// Adds `inpaint` and `outpaint`. Parsing a command line fills `command`, which must outlive the
/// app.
void add_edit_verbs(CLI::App& app, EditCommand& command);

/// Runs what was asked, on standard output. The folder `out` gets sample-000.png and so on,
/// mask.png (white where patches were drawn) and, last, edit.json, each written atomically: a
/// folder with an edit.json is whole.
///
/// Errors  those of open_finished_cell(), read_image_input(), the canvases and edit_image();
///         std::invalid_argument for an unknown model, class or order, a class for a model without
///         condition, guidance of a model that never went without one, or a folder that is not
///         empty; BadData for a cell without a tokenizer; std::system_error if the disk refuses;
///         Interrupted.
int run_edit(const EditCommand& command);

/// The actions; each returns the program's exit code.
int run_inpaint(const EditCommand& command, std::ostream& out);
int run_outpaint(const EditCommand& command, std::ostream& out);

}  // namespace oar
