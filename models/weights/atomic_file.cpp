#include "models/weights/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace oar {
namespace {

// Linux writes at most this much a call; asking for more only hides short writes.
constexpr size_t kMaxWrite = size_t{1} << 30;
// Temporary files of the same name: left by a crashed process of our number, or other threads'.
constexpr int kMaxAttempts = 100;

int retry_open(const std::filesystem::path& path, int flags) {
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

int retry_fsync(int descriptor) {
  int result;
  do {
    result = ::fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  return result;
}

// Makes the rename durable. 0, or the errno of the failure.
int sync_folder(const std::filesystem::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const int descriptor = retry_open(folder, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return errno;
  const int error = retry_fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return error == EINVAL ? 0 : error;  // EINVAL: a file system whose folders have no sync
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  const std::string base = path_.string() + ".tmp." + std::to_string(::getpid());
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    temporary_ = attempt == 0 ? base : base + "." + std::to_string(attempt);
    descriptor_ = retry_open(temporary_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    if (descriptor_ >= 0) return;
    if (errno != EEXIST) break;
  }
  throw std::system_error(errno, std::generic_category(), "cannot create " + temporary_.string());
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (descriptor_ < 0) throw std::logic_error("write to a closed AtomicFile: " + path_.string());
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kMaxWrite));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("cannot write ");
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  if (descriptor_ < 0) throw std::logic_error("commit of a closed AtomicFile: " + path_.string());
  if (retry_fsync(descriptor_) != 0) fail("cannot sync ");
  // On Linux the descriptor is gone even when close fails, so it is never closed twice.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot close ");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename the new content of ");
  temporary_.clear();
  if (const int error = sync_folder(path_); error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "cannot sync the folder of " + path_.string());
  }
}

void AtomicFile::fail(std::string_view action) {
  const int error = errno;
  discard();
  throw std::system_error(error, std::generic_category(), std::string(action) + path_.string());
}

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void put_in_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto check = [](int error, std::string_view action, const std::filesystem::path& path) {
    if (error == 0) return;
    throw std::system_error(error, std::generic_category(), std::string(action) + path.string());
  };
  const int descriptor = retry_open(from, O_RDONLY | O_NOFOLLOW);
  check(descriptor < 0 ? errno : 0, "cannot open ", from);
  const int error = retry_fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  check(error, "cannot sync ", from);
  check(::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno, "cannot rename to ", to);
  check(sync_folder(to), "cannot sync the folder of ", to);
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace oar
