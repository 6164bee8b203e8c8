#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace oar {

/// Where the beginning of `file` lies while it is downloaded: "<file>.part".
std::filesystem::path part_path(const std::filesystem::path& file);

/// Where the bytes of a part came from.
struct PartOrigin {
  std::string url;
  std::string etag;  ///< the server's name for this version of the file; empty: it gave none
};

/// The beginning of a file that is being downloaded. Beside it lies a note, "<file>.part.json",
/// that says of which file and from where. Whatever ends the process, the bytes stay for the next
/// one to continue; a part without bytes is removed. Nobody else may write to it meanwhile.
///
/// Units   bytes.
/// Errors  std::system_error with the path if the part cannot be opened, written or renamed.
class PartFile {
 public:
  /// Opens the part of `file`, which will have this SHA-256. A part without a note, or with that of
  /// another file, is emptied.
  PartFile(std::filesystem::path file, std::string sha256);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }
  const PartOrigin& origin() const { return origin_; }

  /// What is appended from now on comes from there.
  void continue_from(const PartOrigin& origin);

  /// Drops all bytes.
  void clear();

  /// Appends the bytes.
  void append(std::span<const std::byte> bytes);

  /// The part is complete: it becomes the file. Nothing may be appended afterwards.
  void put_in_place();

 private:
  std::filesystem::path note_path() const;
  bool read_note();

  std::filesystem::path file_, path_;
  std::string sha256_;
  PartOrigin origin_;
  int64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace oar
