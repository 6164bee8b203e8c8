#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reports/figures.h"
#include "reports/file_text.h"

namespace oar {

/// Has Python draw figures: writes <out_folder>/figures/figures.json, and there come <id>.png, .svg
/// and .pdf of each, or <id>.gif. Exhibits are read from `results_folder`. Pictures of an earlier
/// report, as its figures.json names them, are removed; a figure of which figures.json says the
/// same as before and whose files are there is not drawn again. Of several processes that draw into
/// one folder one draws at a time. Pictures are extra: a report without them is whole. Returns what
/// to tell the user of those that cannot be drawn, and why; empty if there are none.
///
/// The interpreter is $OAR_PYTHON, or else the one that the set-up keeps in the user's cache, or
/// else python3; the script is the one this program was built with, or $OAR_PLOTS. No name comes
/// from a sweep or a record.
///
/// Errors  std::system_error with the path if files cannot be removed; what `write` throws for
///         figures.json.
std::string draw_figures(const std::vector<FigureSpec>& figures,
                         const std::filesystem::path& results_folder,
                         const std::filesystem::path& out_folder, const WriteText& write);

/// That interpreter and that script.
std::string plots_python();
std::filesystem::path plots_script();

}  // namespace oar
