#pragma once

#include <filesystem>
#include <string>

namespace oar {

/// Has Python draw the figures of results.json beside it. Pictures are extra: a report without them
/// is whole. Returns what to tell the user if there are none, else an empty text.
///
/// The interpreter is $OAR_PYTHON, or else the one that the set-up keeps in the user's cache, or
/// else python3; the script is the one this program was built with, or $OAR_PLOTS. No name comes
/// from a sweep or a record.
std::string draw_plots(const std::filesystem::path& folder);

}  // namespace oar
