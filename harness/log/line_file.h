#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace oar {

/// A text file that several processes append to, each line with one write() under `flock`: lines of
/// one never fall into lines of another.
///
/// Errors  std::system_error with the path if the file cannot be opened or written.
class LineFile {
 public:
  explicit LineFile(std::filesystem::path path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Appends the line and a line's end. What an earlier process left of a line that did not reach
  /// the disk whole is ended first.
  void append(std::string_view line);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace oar
