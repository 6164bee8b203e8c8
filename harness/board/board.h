#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/store/live_file.h"
#include "harness/store/progress.h"

namespace oar {

/// What a running process of a sweep shows in its LiveFile in `<out>/status/`:
///
///     host, pid     whose file it is
///     sweep         path of the sweep file
///     worker        "2/4", or null where one process does all
///     started       ISO time
///     progress      to_json() of its ProgressState
///     cell          id of the cell at hand
///     stages_done, stages_total
///     waiting_for   "process 4711 on node7", or null
///
/// The line of its stage, as Progress writes it, and for whom it waits; empty between two stages.
std::string line_of_process(const nlohmann::json& shown);

/// Shows what several processes do, where Progress shows one: on a terminal one line for each
/// stage that runs, rewritten in place at most five times a second; elsewhere a plain line for each
/// every 30 seconds; and every line that stays (the end of a stage, a message) once. Without
/// `options.out` nothing. Output that fails is output lost.
class Board {
 public:
  explicit Board(ProgressOptions options);

  /// Looks at the processes as they are now. Lines that stay are printed at once; a process that
  /// has said more than ProgressState::kSaid of them since the last call loses the oldest.
  void refresh(const std::vector<LiveProcess>& processes);

  /// Leaves what stands there and ends its last line.
  void close();

 private:
  struct Seen {
    int64_t said = 0;        ///< lines that stay, printed so far
    std::string title = {};  ///< of the stage it was at
    double last_plain = 0;
  };
  std::vector<std::string> new_lines(const std::vector<LiveProcess>& processes);
  std::vector<std::string> plain_lines(const std::vector<LiveProcess>& processes);
  std::string frame(const std::vector<std::string>& live) const;
  std::string erasure() const;
  void write(const std::string& text);

  ProgressOptions options_;
  std::map<std::string, Seen> seen_;  ///< by file
  std::vector<std::string> live_;     ///< the lines that stand on the terminal
  double last_draw_ = 0;
};

}  // namespace oar
