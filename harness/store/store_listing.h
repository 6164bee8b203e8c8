#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oar {

/// What a store has under one key.
struct StoreEntry {
  bool artifact = false;  ///< <key>/
  bool work = false;      ///< <key>.work/
  bool lock = false;      ///< <key>.lock
  bool failure = false;   ///< <key>.failed.json
  bool damaged = false;   ///< <key>.damaged/
  bool removed = false;   ///< <key>.gc/: an artifact that gc was deleting when it was killed
};

/// All that lies in a store, found in one look at its directories: no file is opened, so a hundred
/// thousand artifacts take a fraction of a second. Whatever does not have the name of an artifact
/// is left out, and nobody will ever remove it.
class StoreListing {
 public:
  using Keys = std::map<std::string, StoreEntry>;  ///< by the first 32 hex digits of the key

  /// None where there is no such folder.
  ///
  /// Errors  std::system_error with the path if a folder cannot be read.
  explicit StoreListing(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  const std::map<std::string, Keys>& stages() const { return stages_; }
  const Keys& keys(const std::string& stage) const;

  /// Of a whole key or its first 32 digits; nothing is there if it is not listed.
  StoreEntry at(const std::string& stage, std::string_view key) const;

 private:
  std::filesystem::path root_;
  std::map<std::string, Keys> stages_;
};

/// Who holds the lock of a file: "process 4711 on node7". Empty where nobody does, or there is no
/// such file.
std::string holder_of_lock(const std::filesystem::path& file);

/// Bytes of all files below a folder, as `ls` counts them; links are not followed, and what
/// vanishes meanwhile counts nothing.
int64_t bytes_below(const std::filesystem::path& folder) noexcept;

}  // namespace oar
