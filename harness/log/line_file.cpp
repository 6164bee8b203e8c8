#include "harness/log/line_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace oar {
namespace {

bool ends_within_a_line(int descriptor) {
  struct stat file = {};
  char last = '\n';
  const bool is_known = fstat(descriptor, &file) == 0 && file.st_size > 0 &&
                        pread(descriptor, &last, 1, file.st_size - 1) == 1;
  return is_known && last != '\n';
}

/// Holds `flock` in its scope, where the file system has it.
class Locked {
 public:
  explicit Locked(int descriptor) : descriptor_(descriptor) {
    while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Locked() { flock(descriptor_, LOCK_UN); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  int descriptor_;
};

}  // namespace

LineFile::LineFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("{}: cannot open the log", path_.string()));
  }
}

LineFile::~LineFile() { close(descriptor_); }

void LineFile::append(std::string_view line) {
  std::string text(line);
  text += '\n';
  // Without the lock another process could be seen in the middle of its write.
  const Locked locked(descriptor_);
  if (ends_within_a_line(descriptor_)) text.insert(0, 1, '\n');
  const ssize_t written = write(descriptor_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return;
  const int error = written >= 0 ? ENOSPC : errno;
  throw std::system_error(error, std::generic_category(),
                          fmt::format("{}: cannot write the log", path_.string()));
}

}  // namespace oar
