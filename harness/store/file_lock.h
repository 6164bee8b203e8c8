#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace oar {

/// Holds `flock` on a file for as long as it lives. The kernel releases the lock when the process
/// dies, however it dies, so no lock is ever left behind. The file itself stays: unlinking it would
/// let two processes hold "the" lock on two files of one name. Its text names the holder.
class FileLock {
 public:
  /// Opens (makes) `file` and waits for its lock. Whoever has to wait hears once, through
  /// `waiting`, for whom: "process 4711 on node7".
  ///
  /// Errors  Interrupted if a signal comes while waiting; std::system_error if the file cannot be
  ///         made or locked.
  FileLock(const std::filesystem::path& file,
           const std::function<void(const std::string& holder)>& waiting);
  ~FileLock();

  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace oar
