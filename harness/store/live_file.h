#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace oar {

/// A small JSON text that a running process shows to others for as long as it lives: what it is
/// doing (`<out>/status/`), which keys it needs (`<store>/live/`). It is held by `flock`, so a
/// reader knows whether the process is alive, however it died and on whichever host.
///
/// The file is `<folder>/<host>-<pid>.json`, rewritten in place: a rename would drop the lock. A
/// child that is forked without exec holds the lock too, until it ends. A second line holds the
/// SHA-256 of the first, so that a reader knows a text that was caught half rewritten.
class LiveFile {
 public:
  /// Errors  std::system_error with the path if the file cannot be made or locked.
  explicit LiveFile(const std::filesystem::path& folder);
  ~LiveFile();  ///< removes the file
  LiveFile(const LiveFile&) = delete;
  LiveFile& operator=(const LiveFile&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Replaces the text. A full disk loses the text, never the run: nothing is thrown.
  void show(const nlohmann::json& value) noexcept;

  /// From now on the destructor lets go of the file but leaves it, for whoever started this process
  /// to read its last words; remove_dead() removes it.
  void leave() { leaves_ = true; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool leaves_ = false;
  int owner_;  ///< the process that made it; a forked child has a copy
};

/// A file that LiveFile made.
struct LiveProcess {
  std::filesystem::path file;
  bool alive = false;    ///< its process still holds it, or the system does not tell
  nlohmann::json shown;  ///< null where nothing whole can be read
};

/// Those of a folder, by name; none where there is no such folder. A text caught half rewritten is
/// read again.
std::vector<LiveProcess> live_processes(const std::filesystem::path& folder);

/// Removes the files of processes that are dead. What cannot be removed stays.
void remove_dead(const std::filesystem::path& folder) noexcept;

/// "node7"; "?" where the system does not tell.
std::string host_name();

}  // namespace oar
