#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace oar {

/// Writes a file so that its path holds, after any failure or loss of power, either the old content
/// or the whole new one. The bytes go to `<path>.tmp.<pid>` in the same folder (a rename is atomic
/// only within a file system); commit() syncs them, renames, and syncs the folder. Without a commit
/// the temporary file is removed.
///
/// Errors  std::system_error with errno and the path from the constructor, write and commit; the
///         temporary file is gone by then.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends the bytes.
  void write(std::span<const std::byte> bytes);

  /// Puts the file in place; at most once, and nothing may be written afterwards.
  void commit();

 private:
  [[noreturn]] void fail(std::string_view action);
  void discard() noexcept;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// An AtomicFile with this one content.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// Puts the finished file `from` in place as `to`, in the same folder, as commit() does: it is
/// synced, renamed, and the folder is synced.
///
/// Errors  std::system_error with errno and the path.
void put_in_place(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace oar
