#pragma once

#include <filesystem>
#include <functional>
#include <memory>
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

  /// The lock if it is free now; else nothing, and `holder` says who has it.
  ///
  /// Errors  std::system_error as above.
  static std::unique_ptr<FileLock> try_lock(const std::filesystem::path& file, std::string* holder);

  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(const std::filesystem::path& file);  // opened, not locked
  bool lock_now();

  std::filesystem::path file_;
  int descriptor_ = -1;
  bool locked_ = false;
};

/// Who holds an open lock file, by its text: "process 4711 on node7", or "another process" between
/// taking the lock and signing it.
std::string holder_named_in(int descriptor);

}  // namespace oar
