#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "harness/verb.h"

namespace oar {

/// What `oar-bench track` was asked.
struct TrackCommand {
  std::filesystem::path history;  ///< a JSON Lines file, see history.h
  std::filesystem::path results;  ///< add: folder of a run, or its results.json
  std::string commit;             ///< add: instead of the record's own
  bool force = false;             ///< add: a commit that is in the history already, too
  std::string metric;             ///< show: registry or reader's name; empty: all
  std::string since;              ///< show: leaves earlier commits out; empty: none
  bool json = false;              ///< show
  std::filesystem::path out;      ///< show: folder that gets figures/; empty: no pictures
};

/// Adds `oar-bench track add RESULTS` and `oar-bench track show`: numbers over commits.
Verb add_track_verb(CLI::App& app);

/// Appends the record to the history. Errors as read_record, history_line, append_to_history.
int run_track_add(const TrackCommand& command, std::ostream& out);

/// Shows each number over commits, its band, and the first commit outside it; one metric commit by
/// commit. Pictures that cannot be drawn are said on standard error.
///
/// Errors  as read_history and series_of; std::invalid_argument for an unknown metric;
///         std::system_error if `out` cannot be written.
int run_track_show(const TrackCommand& command, std::ostream& out);

}  // namespace oar
